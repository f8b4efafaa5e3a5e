import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import * as openid from "openid-client";
import type { Config } from "../../config.js";
import { type Claims, type OidcRefusal, signInByOidc } from "../../people/oidc-accounts.js";
import { endSession } from "../../people/sessions.js";
import { page, readerOf, safePath } from "../console/page.js";
import type { AccessParts } from "./access-parts.js";
import { giveSession, originOf, readCookie, setCookie } from "./cookies.js";
import { parameter } from "./form.js";
import { SIGN_IN_LIMIT } from "./limits.js";
import { HOME } from "./sign-in.js";

const CALLBACK = "/sign-in/oidc/callback";
/** Carries what the way back is checked against, for as long as a person may take at the provider. */
const COOKIE = { name: "reupload_oidc", path: "/sign-in/oidc" };
const MINUTES_AT_THE_PROVIDER = 10;

interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  next: string;
}

/** Reads what the provider says of itself once it is needed; again, when it was away. */
function createProvider({ oidcIssuer, oidcClientId, oidcClientSecret }: Config): () => Promise<openid.Configuration> {
  let found: Promise<openid.Configuration> | undefined;
  const discover = () => {
    const issuer = new URL(oidcIssuer!);
    // The signature of the token is checked as well as the connection it came by; http is for a provider on this machine (see config).
    const insecure = issuer.protocol === "http:" ? [openid.allowInsecureRequests] : [];
    const options = { execute: [openid.enableNonRepudiationChecks, ...insecure], timeout: 10 };
    const authentication = oidcClientSecret === undefined ? openid.None() : undefined;
    return openid.discovery(issuer, oidcClientId!, oidcClientSecret, authentication, options);
  };
  return () => {
    found ??= discover().catch((error) => {
      found = undefined;
      throw error;
    });
    return found;
  };
}

const readPending = (request: FastifyRequest): Pending | undefined => {
  try {
    return JSON.parse(readCookie(request, COOKIE.name) ?? "") as Pending;
  } catch {
    return undefined;
  }
};

/** Signing in through OpenID Connect: authorization code with PKCE, state and nonce. Nothing is here unless OIDC_ISSUER is set. */
export function oidcRoutes(server: FastifyInstance, { config, pool, log }: AccessParts): void {
  if (config.oidcIssuer === undefined) return;
  const provider = createProvider(config);
  const redirectUri = `${config.publicUrl}${CALLBACK}`;
  const limited = { config: { rateLimit: SIGN_IN_LIMIT } };

  const refuse = (request: FastifyRequest, reply: FastifyReply, why: OidcRefusal | "failed") => {
    const { t } = readerOf(request);
    const problem = t.people.oidcRefusals[why];
    const shown = { title: t.people.signIn, next: HOME, name: "", oidc: true, problem };
    return page(request, reply.code(403), "people-sign-in", shown);
  };

  server.get("/sign-in/oidc", limited, async (request, reply) => {
    const verifier = openid.randomPKCECodeVerifier();
    const next = safePath(parameter(request, "next"), HOME);
    const pending: Pending = { state: openid.randomState(), nonce: openid.randomNonce(), verifier, next };
    let url: URL;
    try {
      url = openid.buildAuthorizationUrl(await provider(), {
        redirect_uri: redirectUri,
        scope: "openid profile email",
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
    } catch (err) {
      log.warn({ err }, "the OpenID Connect provider did not answer");
      return refuse(request, reply, "failed");
    }
    const cookie = { ...COOKIE, value: JSON.stringify(pending), maxAgeSeconds: MINUTES_AT_THE_PROVIDER * 60 };
    return setCookie(request, reply, config, cookie).redirect(url.href, 303);
  });

  server.get(CALLBACK, limited, async (request, reply) => {
    const pending = readPending(request);
    setCookie(request, reply, config, { ...COOKIE, value: "", maxAgeSeconds: 0 });
    if (!pending) return refuse(request, reply, "failed");
    let claims: Claims;
    try {
      claims = await redeem(await provider(), new URL(request.url, config.publicUrl), pending);
    } catch (err) {
      log.warn({ err }, "a sign-in through OpenID Connect failed");
      return refuse(request, reply, "failed");
    }
    const outcome = await signInByOidc(pool, claims, config.oidcRoleClaim, originOf(request));
    if ("refused" in outcome) return refuse(request, reply, outcome.refused);
    if (request.who?.kind === "person") await endSession(pool, request.who, request.who.sessionId);
    return giveSession(request, reply, config, outcome.secret).redirect(safePath(pending.next, HOME), 303);
  });
}

/** The code for the person's claims, checked: signature, issuer, audience, expiry, nonce, state. */
async function redeem(provider: openid.Configuration, url: URL, { state, nonce, verifier }: Pending): Promise<Claims> {
  const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
  const tokens = await openid.authorizationCodeGrant(provider, url, checks);
  const claims = tokens.claims() as Claims;
  if (provider.serverMetadata().userinfo_endpoint === undefined) return claims;
  // Many providers keep the token short, and tell the address and the roles only here.
  return { ...(await openid.fetchUserInfo(provider, tokens.access_token, claims.sub)), ...claims };
}
