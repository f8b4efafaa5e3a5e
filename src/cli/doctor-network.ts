import { createTransport } from "nodemailer";
import type { Config } from "../config.js";
import { type Check, type Finding, failed, ok, warning, worstOf } from "./doctor-findings.js";

const ANSWER_MS = 5_000;

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/;

/** How people reach the console, and what of others the program depends on. */
export function networkChecks(config: Config, env: NodeJS.ProcessEnv): Check[] {
  const collector = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const given: [unknown, Check][] = [
    [config.roles.includes("web"), ["PUBLIC_URL", () => checkPublicUrl(config)]],
    [config.oidcIssuer, ["OIDC_ISSUER", () => checkIssuer(config.oidcIssuer!)]],
    [config.smtpUrl, ["SMTP_URL", () => checkMail(config.smtpUrl!)]],
    [config.digestTo, ["CONSOLE_TIME_ZONE", async () => checkTimeZone(config, env)]],
    [collector, ["OTEL_EXPORTER_OTLP_ENDPOINT", () => checkCollector(collector!)]],
  ];
  return given.filter(([isGiven]) => isGiven).map(([, check]) => check);
}

async function checkPublicUrl(config: Config): Promise<Finding> {
  const { httpHost, publicUrl, cookieSecure, httpTrustedProxies } = config;
  const isOpen = !LOOPBACK.test(httpHost);
  if (publicUrl === undefined) {
    if (cookieSecure === "1" && !isOpen)
      return warning(
        "COOKIE_SECURE is 1 without PUBLIC_URL: nobody can sign in over http://: set PUBLIC_URL to the https address",
      );
    if (!isOpen) return ok(`none: people sign in at http://${httpHost}:${config.httpPort}, on this machine`);
    return warning(
      `HTTP_HOST is ${httpHost} and PUBLIC_URL is not set: passwords may travel unprotected: end TLS in a proxy, and set PUBLIC_URL to its https address`,
    );
  }
  const { protocol, hostname } = new URL(publicUrl);
  const isTls = protocol === "https:";
  return worstOf(
    [
      !isTls &&
        cookieSecure === "1" &&
        failed(
          `COOKIE_SECURE is 1 and ${publicUrl} has no TLS: nobody can sign in: set it to auto, or PUBLIC_URL to an https address`,
        ),
      !isTls &&
        !LOOPBACK.test(hostname) &&
        warning(`${publicUrl} has no TLS: passwords and alerts travel unprotected: end TLS in a proxy, and set an https address`),
      isTls &&
        cookieSecure === "0" &&
        warning("COOKIE_SECURE is 0 although PUBLIC_URL is https: sessions could be sent unprotected: set it to auto"),
      isTls &&
        httpTrustedProxies.length === 0 &&
        warning(
          "HTTP_TRUSTED_PROXIES is not set: limits count all people behind the proxy as one: set it to the proxy's address",
        ),
      await reached(publicUrl),
    ],
    publicUrl,
  );
}

/** Whether this program answers there. A machine need not see itself from outside, so it is a warning only. */
async function reached(publicUrl: string): Promise<Finding | undefined> {
  const not = (what: string) => warning(`${publicUrl}/ ${what}: check the proxy, unless the service is not running yet`);
  try {
    const answer = await fetch(`${publicUrl}/`, {
      headers: { accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const body = (await answer.json().catch(() => ({}))) as { service?: string };
    return body.service === "reupload" ? undefined : not(`answers ${answer.status}, and not as this program does`);
  } catch (error) {
    return not(`cannot be reached (${reasonOf(error)})`);
  }
}

async function checkIssuer(issuer: string): Promise<Finding> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) }).catch((error) => {
    throw new Error(
      `${issuer} cannot be reached (${reasonOf(error)}): nobody can sign in through it; check the address and the network`,
    );
  });
  const body = (await answer.json().catch(() => ({}))) as { issuer?: string };
  if (!answer.ok || !body.issuer) return failed(`${url} answers ${answer.status} and no configuration: correct OIDC_ISSUER`);
  if (body.issuer.replace(/\/$/, "") !== issuer.replace(/\/$/, ""))
    return failed(`it calls itself ${body.issuer}, so its sign-ins are refused: set OIDC_ISSUER to exactly that`);
  return ok(issuer);
}

/** Greets and signs in, and sends nothing. */
async function checkMail(smtpUrl: string): Promise<Finding> {
  const { host, protocol } = new URL(smtpUrl);
  const transport = createTransport({
    url: smtpUrl,
    ...{ connectionTimeout: ANSWER_MS, greetingTimeout: ANSWER_MS, socketTimeout: ANSWER_MS },
  });
  try {
    await transport.verify();
    return ok(`${host} takes mail from us`);
  } catch (error) {
    const { code = "", responseCode } = error as { code?: string; responseCode?: number };
    if (code === "EAUTH") return failed(`${host} refuses the user or the password (${responseCode}): correct them`);
    return failed(`${protocol}//${host} takes no mail (${responseCode ?? code}): check host, port and smtp:// or smtps://`);
  } finally {
    transport.close();
  }
}

function checkTimeZone({ consoleTimeZone, digestHour }: Config, env: NodeJS.ProcessEnv): Finding {
  if (env.CONSOLE_TIME_ZONE) return ok(consoleTimeZone);
  return warning(
    `not set: the digest is sent at ${digestHour} o'clock UTC: set it to the place of its readers, such as Europe/Tirane`,
  );
}

async function checkCollector(address: string): Promise<Finding> {
  const { host, origin } = new URL(address);
  return fetch(origin, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
    () => ok(`traces go to ${host}`),
    (error) => warning(`${host} cannot be reached (${reasonOf(error)}): traces are lost; check the address, or unset it`),
  );
}

/** Of a fetch: the code of the network's error, which is in its cause. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  return name === "TimeoutError" ? `no answer within ${ANSWER_MS} ms` : (cause?.code ?? name ?? "failed");
}
