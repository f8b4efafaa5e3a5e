import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { RefusedError } from "./refused.js";
import { RIGHTS, type Right, type Who } from "./rights.js";
import { looksLikeSecret, newSecret, sha256Of } from "./secrets.js";

/** Lets scanners of source code and logs recognise a token that leaked. */
export const TOKEN_PREFIX = "rup_";
export const DEFAULT_TOKEN_DAYS = 90;

export interface ServiceToken {
  id: string;
  name: string;
  scopes: Right[];
  createdBy: string;
  createdAt: Date;
  expiresAt: Date;
  /** To the minute. */
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

export interface NewToken {
  name: string;
  scopes: string[];
  days?: number;
}

const COLUMNS = `id, name, scopes, created_by as "createdBy", created_at as "createdAt", expires_at as "expiresAt",
  last_used_at as "lastUsedAt", revoked_at as "revokedAt"`;

const isRight = (scope: string): scope is Right => (RIGHTS as readonly string[]).includes(scope);

function checkToken({ name, scopes, days = DEFAULT_TOKEN_DAYS }: NewToken) {
  if (!/^[\w.-]{1,64}$/.test(name)) throw new RefusedError("name", "tokenNameInvalid");
  if (scopes.length === 0 || !scopes.every(isRight)) throw new RefusedError("scopes", "scopesInvalid");
  if (!Number.isInteger(days) || days < 1 || days > 3_660) throw new RefusedError("days", "daysInvalid");
  return { name, scopes: RIGHTS.filter((right) => scopes.includes(right)), days };
}

/** The token (shown once: only its hash is kept) and what is known of it. @throws RefusedError for a wrong or taken name, scope or number of days. */
export async function createToken(pool: Pool, wanted: NewToken, actor: string): Promise<{ secret: string; token: ServiceToken }> {
  const { name, scopes, days } = checkToken(wanted);
  const secret = TOKEN_PREFIX + newSecret();
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<ServiceToken>(
      `insert into service_token (id, name, token_sha256, scopes, created_by, expires_at)
       values ($1, $2, $3, $4, $5, now() + make_interval(days => $6))
       on conflict (name) do nothing
       returning ${COLUMNS}`,
      [randomUUID(), name, sha256Of(secret), scopes, actor, days],
    );
    if (rows.length === 0) throw new RefusedError("name", "tokenNameTaken");
    await audit(tx, { actor, act: "token made", subject: `token:${name}`, detail: { scopes, days } });
    return { secret, token: rows[0] };
  });
}

/** By name, `limit` of them after the name `after`; with those that ended. */
export async function listTokens(db: Db, { after, limit }: { after?: string; limit: number }): Promise<ServiceToken[]> {
  const { rows } = await db.query<ServiceToken>(
    `select ${COLUMNS} from service_token where $1::text is null or name > $1 order by name limit $2`,
    [after ?? null, limit],
  );
  return rows;
}

/** Ends a token at once, by name. @throws RefusedError when there is none of that name in use. */
export async function revokeToken(pool: Pool, name: string, actor: string): Promise<void> {
  await transaction(pool, async (tx) => {
    const { rowCount } = await tx.query("update service_token set revoked_at = now() where name = $1 and revoked_at is null", [
      name,
    ]);
    if (!rowCount) throw new RefusedError("name", "tokenUnknown");
    await audit(tx, { actor, act: "token revoked", subject: `token:${name}` });
  });
}

interface TokenRow {
  tokenId: string;
  name: string;
  scopes: Right[];
  isStale: boolean;
}

/** True when a text may be a token of ours, and not something meant for a proxy in front. */
export const looksLikeToken = (text: string): boolean =>
  text.startsWith(TOKEN_PREFIX) && looksLikeSecret(text.slice(TOKEN_PREFIX.length));

/** Which program holds this token; undefined when it is unknown, has expired or was revoked. */
export async function whoOfToken(db: Db, secret: string): Promise<Who | undefined> {
  if (!looksLikeToken(secret)) return undefined;
  const { rows } = await db.query<TokenRow>(
    `select id as "tokenId", name, scopes, coalesce(last_used_at < now() - interval '1 minute', true) as "isStale"
     from service_token
     where token_sha256 = $1 and expires_at > now() and revoked_at is null`,
    [sha256Of(secret)],
  );
  if (rows.length === 0) return undefined;
  const { isStale, ...token } = rows[0];
  if (isStale) await db.query("update service_token set last_used_at = now() where id = $1", [token.tokenId]);
  return { kind: "token", ...token };
}
