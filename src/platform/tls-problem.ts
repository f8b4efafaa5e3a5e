/** Codes of Node and OpenSSL for a certificate that is not believed. */
const CERTIFICATE = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)|ERR_TLS_CERT)/;

/**
 * What is wrong with a server's certificate, as one clause that names no host; undefined when the error is about something else. Trying
 * again cannot help.
 */
export function certificateProblem(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string" || !CERTIFICATE.test(code)) return undefined;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "the server's certificate is for another host name";
  if (code === "CERT_HAS_EXPIRED") return "the server's certificate has expired";
  return "the server's certificate is signed by nobody that we trust";
}
