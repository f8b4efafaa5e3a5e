import type { Pool, PoolClient } from "pg";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { type Account, createAccount, type NewAccount } from "./accounts.js";
import { checkPassword, hashPassword } from "./passwords.js";
import { RefusedError } from "./refused.js";
import { looksLikeSecret, newSecret, sha256Of } from "./secrets.js";
import { type Origin, openSession } from "./sessions.js";

/** How long each link can be used. An invitation travels by mail and waits for a Monday. */
const HOURS = { first: 24, invitation: 72, reset: 24 };

/** What a link is for. Without a name it makes the first admin. */
export interface Welcome {
  name?: string;
  language?: "en" | "sq";
}

async function storeLink(tx: Db, accountId: string | null, hours: number): Promise<string> {
  const secret = newSecret();
  await tx.query("delete from sign_in_link where expires_at < now()");
  await tx.query(
    "insert into sign_in_link (token_sha256, account_id, expires_at) values ($1, $2, now() + make_interval(hours => $3))",
    [sha256Of(secret), accountId, hours],
  );
  return secret;
}

/** While there is no account at all: the secret of a new link that makes the first admin, for `/welcome/<secret>`. Lasts a day. */
export async function firstAdminLink(pool: Pool): Promise<string | undefined> {
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query("select 1 from account limit 1");
    if (rowCount) return undefined;
    const secret = await storeLink(tx, null, HOURS.first);
    await audit(tx, { actor: "service", act: "link made", subject: "person", detail: { for: "first admin" } });
    return secret;
  });
}

/** Makes an account and the link that gives it its password. @throws RefusedError */
export async function invite(pool: Pool, account: NewAccount, actor: string): Promise<{ account: Account; secret: string }> {
  return transaction(pool, async (tx) => {
    const made = await createAccount(tx, account, actor);
    const secret = await storeLink(tx, made.id, HOURS.invitation);
    await audit(tx, { actor, act: "link made", subject: `person:${made.name}`, detail: { for: "invitation" } });
    return { account: made, secret };
  });
}

/** A link to a new password, for who forgot theirs; earlier links end. The password in use works until the link is used. */
export async function resetLink(pool: Pool, accountId: string, actor: string): Promise<string> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ name: string }>(
      "select name from account where id::text = $1 and disabled_at is null for update",
      [accountId],
    );
    if (rows.length === 0) throw new RefusedError("name", "nameUnknown");
    await tx.query("delete from sign_in_link where account_id = $1", [accountId]);
    const secret = await storeLink(tx, accountId, HOURS.reset);
    await audit(tx, { actor, act: "link made", subject: `person:${rows[0].name}`, detail: { for: "reset" } });
    return secret;
  });
}

const VALID = `
  select l.account_id, a.name, a.language
  from sign_in_link l
  left join account a on a.id = l.account_id
  where l.token_sha256 = $1 and l.used_at is null and l.expires_at > now() and a.disabled_at is null
    and (l.account_id is not null or not exists (select from account))`;

interface LinkRow {
  account_id: string | null;
  name: string | null;
  language: "en" | "sq" | null;
}

/** What the link is for, without using it; undefined when it can no longer be used. */
export async function readLink(db: Db, secret: string): Promise<Welcome | undefined> {
  if (!looksLikeSecret(secret)) return undefined;
  const { rows } = await db.query<LinkRow>(VALID, [sha256Of(secret)]);
  return rows.length === 0 ? undefined : { name: rows[0].name ?? undefined, language: rows[0].language ?? undefined };
}

/** The link's row, locked, so that it is used once. For the first admin all other sign-ups wait as well. */
async function takeLink(tx: PoolClient, secret: string): Promise<LinkRow> {
  const gone = () => new RefusedError("link", "linkGone");
  if (!looksLikeSecret(secret)) throw gone();
  const found = await tx.query<{ account_id: string | null }>(
    "select account_id from sign_in_link where token_sha256 = $1 for update",
    [sha256Of(secret)],
  );
  if (found.rows[0]?.account_id === null) await tx.query("lock table account in share row exclusive mode");
  const { rows } = await tx.query<LinkRow>(VALID, [sha256Of(secret)]);
  if (rows.length === 0) throw gone();
  await tx.query("update sign_in_link set used_at = now() where token_sha256 = $1", [sha256Of(secret)]);
  return rows[0];
}

/**
 * Uses the link: sets the password (for the first admin, makes the account of that name), ends what sessions the account has, lifts a
 * lock, and signs in. Returns the new session's secret.
 *
 * @throws RefusedError when the link can no longer be used, or the name or password will not do; then the link stays as it is.
 */
export async function acceptLink(
  pool: Pool,
  secret: string,
  given: { name: string; password: string; language: "en" | "sq" },
  origin: Origin,
): Promise<string> {
  const link = await readLink(pool, secret);
  if (!link) throw new RefusedError("link", "linkGone");
  checkPassword(given.password, link.name ?? given.name);
  const passwordHash = await hashPassword(given.password);
  return transaction(pool, async (tx) => {
    const taken = await takeLink(tx, secret);
    const account =
      taken.account_id === null
        ? await createAccount(tx, { name: given.name, role: "admin", language: given.language }, "service")
        : { id: taken.account_id, name: taken.name! };
    await tx.query("update account set password_hash = $2, failed_sign_ins = 0, locked_until = null where id = $1", [
      account.id,
      passwordHash,
    ]);
    await tx.query("delete from session where account_id = $1", [account.id]);
    const opened = await openSession(tx, account.id, origin);
    const subject = `person:${account.name}`;
    await audit(tx, { actor: subject, act: "signed in", subject, detail: { address: origin.address, by: "link" } });
    return opened;
  });
}

/** Sets a password without a link: for the command line, where who asks owns the database. @throws RefusedError */
export async function createWithPassword(pool: Pool, account: NewAccount, password: string, actor: string): Promise<Account> {
  checkPassword(password, account.name);
  const passwordHash = await hashPassword(password);
  return transaction(pool, async (tx) => {
    const made = await createAccount(tx, account, actor);
    await tx.query("update account set password_hash = $2 where id = $1", [made.id, passwordHash]);
    return made;
  });
}
