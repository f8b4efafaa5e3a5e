import { randomUUID } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { RefusedError } from "./refused.js";
import { type PersonRole, ROLES } from "./rights.js";

export const LANGUAGES = ["en", "sq"] as const;
export type Language = (typeof LANGUAGES)[number];

export interface Account {
  id: string;
  name: string;
  email: string | null;
  role: PersonRole;
  language: Language;
  settings: Record<string, unknown>;
  /** Signs in with a password, through OpenID Connect, or (neither) was invited and has not come yet. */
  hasPassword: boolean;
  hasOidc: boolean;
  lockedUntil: Date | null;
  disabledAt: Date | null;
  createdAt: Date;
}

export interface NewAccount {
  name: string;
  role: string;
  email?: string;
  language?: string;
}

const COLUMNS = `id, name, email, role, language, settings, password_hash is not null as "hasPassword", oidc_subject is not null as "hasOidc",
  case when locked_until > now() then locked_until end as "lockedUntil", disabled_at as "disabledAt", created_at as "createdAt"`;

const oneOf = <T extends string>(allowed: readonly T[], value: string): value is T =>
  (allowed as readonly string[]).includes(value);

/** @throws RefusedError */
export function checkName(given: string): string {
  const name = given.normalize("NFC").trim();
  if (!/^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u.test(name)) throw new RefusedError("name", "nameInvalid");
  return name;
}

/** @throws RefusedError */
export function checkRole(given: string): PersonRole {
  if (!oneOf(ROLES, given)) throw new RefusedError("role", "roleInvalid");
  return given;
}

/** @throws RefusedError */
export function checkLanguage(given: string): Language {
  if (!oneOf(LANGUAGES, given)) throw new RefusedError("language", "languageInvalid");
  return given;
}

/** Null for none. @throws RefusedError */
export function checkEmail(given: string): string | null {
  const email = given.trim();
  if (email === "") return null;
  if (email.length > 254 || !/^[^\s@\p{C}]+@[^\s@\p{C}]+$/u.test(email)) throw new RefusedError("email", "emailInvalid");
  return email;
}

/**
 * Makes an account that cannot sign in yet: a link, a password or OpenID Connect gives it the way.
 *
 * @throws RefusedError when a field is wrong or the name is taken (in whatever case).
 */
export async function createAccount(tx: PoolClient, account: NewAccount, actor: string): Promise<Account> {
  const name = checkName(account.name);
  const { rows } = await tx.query<Account>(
    `insert into account (id, name, role, email, language) values ($1, $2, $3, $4, $5)
     on conflict (lower(name)) do nothing
     returning ${COLUMNS}`,
    [randomUUID(), name, checkRole(account.role), checkEmail(account.email ?? ""), checkLanguage(account.language ?? "en")],
  );
  if (rows.length === 0) throw new RefusedError("name", "nameTaken");
  await audit(tx, { actor, act: "account made", subject: `person:${name}`, detail: { role: account.role } });
  return rows[0];
}

/** By name, `limit` of them after the name `after`. */
export async function listAccounts(db: Db, { after, limit }: { after?: string; limit: number }): Promise<Account[]> {
  const { rows } = await db.query<Account>(
    `select ${COLUMNS} from account where $1::text is null or lower(name) > lower($1) order by lower(name) limit $2`,
    [after ?? null, limit],
  );
  return rows;
}

export async function readAccount(db: Db, id: string): Promise<Account | undefined> {
  const { rows } = await db.query<Account>(`select ${COLUMNS} from account where id::text = $1`, [id]);
  return rows[0];
}

/** @throws RefusedError when nobody has the name. */
export async function findAccount(db: Db, name: string): Promise<Account> {
  const { rows } = await db.query<Account>(`select ${COLUMNS} from account where lower(name) = lower($1)`, [checkName(name)]);
  if (rows.length === 0) throw new RefusedError("name", "nameUnknown");
  return rows[0];
}

/** The row, locked; and all admins who could take over, locked first and in one order, so that two changes never leave none. */
async function lockAccount(tx: PoolClient, id: string): Promise<{ account: Account; isLastAdmin: boolean }> {
  const admins = await tx.query<{ id: string }>(
    `select id from account
     where role = 'admin' and disabled_at is null and (password_hash is not null or oidc_subject is not null)
     order by id for update`,
  );
  const { rows } = await tx.query<Account>(`select ${COLUMNS} from account where id::text = $1 for update`, [id]);
  if (rows.length === 0) throw new RefusedError("name", "nameUnknown");
  return { account: rows[0], isLastAdmin: admins.rows.length === 1 && admins.rows[0].id === rows[0].id };
}

/** @throws RefusedError for an unknown account or role, and when it would leave no admin. */
export async function changeRole(pool: Pool, id: string, given: string, actor: string): Promise<void> {
  const role = checkRole(given);
  await transaction(pool, async (tx) => {
    const { account, isLastAdmin } = await lockAccount(tx, id);
    if (account.role === role) return;
    if (isLastAdmin) throw new RefusedError("role", "lastAdmin");
    await tx.query("update account set role = $2 where id = $1", [account.id, role]);
    await audit(tx, { actor, act: "role changed", subject: `person:${account.name}`, detail: { from: account.role, to: role } });
  });
}

/** Ends the account's sessions and links; its history stays. @throws RefusedError when it would leave no admin. */
export async function disableAccount(pool: Pool, id: string, actor: string): Promise<void> {
  await transaction(pool, async (tx) => {
    const { account, isLastAdmin } = await lockAccount(tx, id);
    if (account.disabledAt) return;
    if (isLastAdmin) throw new RefusedError("name", "lastAdmin");
    await tx.query("update account set disabled_at = now() where id = $1", [account.id]);
    await tx.query("delete from session where account_id = $1", [account.id]);
    await tx.query("delete from sign_in_link where account_id = $1", [account.id]);
    await audit(tx, { actor, act: "account disabled", subject: `person:${account.name}` });
  });
}

/** Lets the account sign in again, and lifts a lock. @throws RefusedError */
export async function enableAccount(pool: Pool, id: string, actor: string): Promise<void> {
  await transaction(pool, async (tx) => {
    const { account } = await lockAccount(tx, id);
    await tx.query("update account set disabled_at = null, failed_sign_ins = 0, locked_until = null where id = $1", [account.id]);
    await audit(tx, { actor, act: "account enabled", subject: `person:${account.name}` });
  });
}

/** What a person chooses for themselves. `settings` are merged into those there are. @throws RefusedError */
export async function changePreferences(
  db: Db,
  accountId: string,
  { language, email, settings = {} }: { language?: string; email?: string; settings?: Record<string, unknown> },
): Promise<void> {
  await db.query(
    `update account set language = coalesce($2, language), email = case when $3 then $4 else email end, settings = settings || $5
     where id = $1`,
    [
      accountId,
      language === undefined ? null : checkLanguage(language),
      email !== undefined,
      email === undefined ? null : checkEmail(email),
      JSON.stringify(settings),
    ],
  );
}
