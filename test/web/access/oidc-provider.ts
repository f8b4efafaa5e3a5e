import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** Who is at the provider, as the test says. */
export type Claims = { sub: string } & Record<string, unknown>;

export interface Provider {
  issuer: string;
  /** Who signs in next. */
  claims: Claims;
  /** What the provider does wrong: signs with a key nobody knows, or says a nonce, an audience or an issuer that is not ours. */
  wrong?: "key" | "nonce" | "audience" | "issuer";
  /** Which claims are told only at the userinfo endpoint. */
  onlyInUserinfo: string[];
  close(): Promise<void>;
}

interface Granted {
  challenge: string;
  nonce: string;
  redirectUri: string;
}

export const CLIENT = { id: "reupload", secret: "the client's secret" };

/** The provider's, and one that nobody knows. Made once: it takes a while. */
const keys = Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]);

/** A small OpenID Connect provider (discovery, authorization code with PKCE, RS256, userinfo) that asks nobody for a password. */
export async function startProvider(): Promise<Provider> {
  const [own, strange] = await keys;
  const jwks = { keys: [{ ...(await exportJWK(own.publicKey)), kid: "1", alg: "RS256", use: "sig" }] };
  const codes = new Map<string, Granted>();
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    respond(request).then(
      (body) => (body instanceof URL ? answer(302, {}, { location: body.href }) : answer(200, body)),
      (error: Error) => answer(400, { error: "invalid_request", error_description: error.message }),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const provider: Provider = { issuer, claims: { sub: "1" }, onlyInUserinfo: [], close };

  async function respond(request: IncomingMessage): Promise<unknown> {
    const url = new URL(request.url!, issuer);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return metadataOf(issuer);
      case "/jwks":
        return jwks;
      case "/authorize":
        return authorize(url.searchParams, codes);
      case "/token":
        return {
          access_token: "at",
          token_type: "Bearer",
          expires_in: 60,
          id_token: await idToken(await redeem(request, codes)),
        };
      case "/userinfo":
        return provider.claims;
      default:
        throw new Error(`nothing at ${url.pathname}`);
    }
  }

  function idToken({ nonce }: Granted): Promise<string> {
    const { wrong, claims, onlyInUserinfo } = provider;
    const told = Object.fromEntries(Object.entries(claims).filter(([name]) => !onlyInUserinfo.includes(name)));
    return new SignJWT({ ...told, nonce: wrong === "nonce" ? "another" : nonce })
      .setProtectedHeader({ alg: "RS256", kid: "1" })
      .setIssuer(wrong === "issuer" ? "https://elsewhere.example" : issuer)
      .setAudience(wrong === "audience" ? "another-client" : CLIENT.id)
      .setIssuedAt()
      .setExpirationTime("1 minute")
      .sign(wrong === "key" ? strange.privateKey : own.privateKey);
  }

  return provider;
}

const metadataOf = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  userinfo_endpoint: `${issuer}/userinfo`,
  jwks_uri: `${issuer}/jwks`,
  response_types_supported: ["code"],
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ["RS256"],
  code_challenge_methods_supported: ["S256"],
});

function authorize(asked: URLSearchParams, codes: Map<string, Granted>): URL {
  const [clientId, scope, method, challenge] = ["client_id", "scope", "code_challenge_method", "code_challenge"].map((k) =>
    asked.get(k),
  );
  if (clientId !== CLIENT.id || !scope?.includes("openid") || method !== "S256" || !challenge)
    throw new Error("not what was agreed");
  const code = randomUUID();
  const redirectUri = asked.get("redirect_uri")!;
  codes.set(code, { challenge, nonce: asked.get("nonce")!, redirectUri });
  const back = new URL(redirectUri);
  back.searchParams.set("code", code);
  back.searchParams.set("state", asked.get("state")!);
  return back;
}

/** The code once, from the client that has the secret and the verifier. */
async function redeem(request: IncomingMessage, codes: Map<string, Granted>): Promise<Granted> {
  const form = new URLSearchParams(await text(request));
  const granted = codes.get(form.get("code") ?? "");
  codes.delete(form.get("code") ?? "");
  const challenge = createHash("sha256")
    .update(form.get("code_verifier") ?? "")
    .digest("base64url");
  if (!granted || challenge !== granted.challenge || form.get("redirect_uri") !== granted.redirectUri)
    throw new Error("no such code");
  if (form.get("client_id") !== CLIENT.id || form.get("client_secret") !== CLIENT.secret) throw new Error("not the client");
  return granted;
}
