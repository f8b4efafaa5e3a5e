import type { Pool, PoolClient } from "pg";
import { audit } from "../platform/audit.js";
import { transaction } from "../platform/database.js";
import { checkEmail, checkName, createAccount } from "./accounts.js";
import { type PersonRole, ROLES } from "./rights.js";
import { type Origin, openSession } from "./sessions.js";

/** What an identity provider said of a person, in a token whose signature was checked. */
export type Claims = { iss: string; sub: string } & Record<string, unknown>;

/** Why someone whom the provider knows is not let in. */
export type OidcRefusal = "noRole" | "notInvited" | "disabled" | "nameTaken";

/** The highest role that the claim names; `claim` may lead into objects, as in "realm_access.roles". */
export function roleOf(claims: Claims, claim: string): PersonRole | undefined {
  const value =
    claims[claim] ?? claim.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], claims);
  const named = Array.isArray(value) ? value : [value];
  return ROLES.findLast((role) => named.includes(role));
}

interface Found {
  id: string;
  name: string;
  role: PersonRole;
  disabled: boolean;
}

const FOUND = `select id, name, role, disabled_at is not null as disabled from account`;

/** Who comes for the first time is the one invited with the same address, if the provider vouches for it and only one was. */
async function linkInvited(tx: PoolClient, claims: Claims, subject: string): Promise<Found | undefined> {
  if (claims.email_verified !== true || typeof claims.email !== "string") return undefined;
  const { rows } = await tx.query<Found>(`${FOUND} where lower(email) = lower($1) and oidc_subject is null for update`, [
    claims.email,
  ]);
  if (rows.length !== 1 || rows[0].disabled) return undefined;
  await tx.query("update account set oidc_subject = $2 where id = $1", [rows[0].id, subject]);
  const { name } = rows[0];
  await audit(tx, { actor: `person:${name}`, act: "account linked", subject: `person:${name}`, detail: { issuer: claims.iss } });
  return rows[0];
}

function nameOf(claims: Claims): string {
  const given = [claims.preferred_username, claims.name, claims.email].find(
    (value) => typeof value === "string" && value.trim() !== "",
  );
  return checkName(typeof given === "string" ? given : claims.sub);
}

const emailOf = (claims: Claims) =>
  typeof claims.email === "string" && claims.email_verified === true ? (checkEmail(claims.email) ?? undefined) : undefined;

async function makeAccount(tx: PoolClient, claims: Claims, subject: string, role: PersonRole): Promise<Found | OidcRefusal> {
  const name = nameOf(claims);
  const taken = await tx.query("select 1 from account where lower(name) = lower($1)", [name]);
  if (taken.rowCount) return "nameTaken";
  const language = String(claims.locale ?? "").startsWith("sq") ? "sq" : "en";
  const account = await createAccount(tx, { name, role, email: emailOf(claims), language }, "oidc");
  await tx.query("update account set oidc_subject = $2 where id = $1", [account.id, subject]);
  return { id: account.id, name, role, disabled: false };
}

async function accountOf(tx: PoolClient, claims: Claims, role: PersonRole | undefined): Promise<Found | OidcRefusal> {
  const subject = `${claims.iss} ${claims.sub}`;
  const { rows } = await tx.query<Found>(`${FOUND} where oidc_subject = $1 for update`, [subject]);
  const known = rows[0] ?? (await linkInvited(tx, claims, subject));
  if (known) return known.disabled ? "disabled" : known;
  return role === undefined ? "notInvited" : makeAccount(tx, claims, subject, role);
}

/**
 * Signs in who the provider vouches for; returns the new session's secret, or why not. With `roleClaim` the provider decides roles, at
 * each sign-in, and accounts are made as people come. Without it only those who were invited come in, and roles are ours.
 */
export async function signInByOidc(
  pool: Pool,
  claims: Claims,
  roleClaim: string | undefined,
  { address, agent }: Origin,
): Promise<{ secret: string } | { refused: OidcRefusal }> {
  const role = roleClaim === undefined ? undefined : roleOf(claims, roleClaim);
  return transaction(pool, async (tx) => {
    const refuse = async (refused: OidcRefusal) => {
      const detail = { address, by: "oidc", reason: refused };
      await audit(tx, { actor: "anonymous", act: "sign-in failed", subject: "person", detail });
      return { refused };
    };
    if (roleClaim !== undefined && role === undefined) return refuse("noRole");
    const found = await accountOf(tx, claims, role);
    if (typeof found === "string") return refuse(found);
    const actor = `person:${found.name}`;
    const secret = await openSession(tx, found.id, { address, agent });
    if (role !== undefined && role !== found.role) {
      await tx.query("update account set role = $2 where id = $1", [found.id, role]);
      await audit(tx, { actor: "oidc", act: "role changed", subject: actor, detail: { from: found.role, to: role } });
    }
    await audit(tx, { actor, act: "signed in", subject: actor, detail: { address, by: "oidc" } });
    return { secret };
  });
}
