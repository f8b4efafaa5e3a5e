import type { Pool } from "pg";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import { checkPassword, hashPassword, isOutdated, isPassword } from "./passwords.js";
import { RefusedError } from "./refused.js";
import { type Origin, openSession, type Person } from "./sessions.js";

/**
 * From the fifth wrong password in a row an account waits, a minute at first and twice as long each time, up to an hour: 24 guesses a
 * day at most (NIST SP 800-63B asks for no more than 100 in a row). Sessions that are open go on.
 */
const FREE_FAILURES = 5;
const FIRST_WAIT_MINUTES = 1;
const LONGEST_WAIT_MINUTES = 60;

interface Attempt {
  id: string;
  name: string;
  password_hash: string | null;
  failed_sign_ins: number;
}

/**
 * Counts the attempt before the password is looked at, so that guesses sent all at once count as well. Nothing when there is no such
 * account, or it is disabled or locked: which of these is not for the caller to know.
 */
async function startAttempt(db: Db, name: string): Promise<Attempt | undefined> {
  const { rows } = await db.query<Attempt>(
    `update account
     set failed_sign_ins = failed_sign_ins + 1,
         locked_until = case when failed_sign_ins + 1 >= $2
           then now() + make_interval(mins => least($4, $3 * 2 ^ least(failed_sign_ins + 1 - $2, 16))::int) end
     where lower(name) = lower($1) and disabled_at is null and (locked_until is null or locked_until <= now())
     returning id, name, password_hash, failed_sign_ins`,
    [name, FREE_FAILURES, FIRST_WAIT_MINUTES, LONGEST_WAIT_MINUTES],
  );
  return rows[0];
}

const storableName = (given: string) => given.replaceAll("\0", "").normalize("NFC").trim().slice(0, 128);

/**
 * The new session's secret; undefined for a wrong name or password, and while the account is locked or disabled: all take as long and
 * look the same.
 */
export async function signIn(
  pool: Pool,
  { name, password }: { name: string; password: string },
  origin: Origin,
): Promise<string | undefined> {
  const attempt = await startAttempt(pool, storableName(name));
  const isRight = await isPassword(attempt?.password_hash, password.slice(0, 1_024));
  if (!attempt || !isRight) {
    await noteFailure(pool, attempt, origin);
    return undefined;
  }
  const renewed = isOutdated(attempt.password_hash!) ? await hashPassword(password) : null;
  return transaction(pool, async (tx) => {
    await tx.query(
      "update account set failed_sign_ins = 0, locked_until = null, password_hash = coalesce($2, password_hash) where id = $1",
      [attempt.id, renewed],
    );
    const secret = await openSession(tx, attempt.id, origin);
    const subject = `person:${attempt.name}`;
    await audit(tx, { actor: subject, act: "signed in", subject, detail: { address: origin.address, by: "password" } });
    return secret;
  });
}

/** What was typed as a name is not kept when it is nobody's: it may be a password in the wrong field. */
async function noteFailure(db: Db, attempt: Attempt | undefined, { address }: Origin): Promise<void> {
  const subject = attempt ? `person:${attempt.name}` : "person";
  const locked = attempt !== undefined && attempt.failed_sign_ins >= FREE_FAILURES;
  const act = locked ? "account locked" : "sign-in failed";
  const detail = attempt ? { address, failures: attempt.failed_sign_ins } : { address };
  await audit(db, { actor: "anonymous", act, subject, detail });
}

/**
 * Ends all other sessions of the person.
 *
 * @throws RefusedError when the current password is wrong (a wrong one counts as a failed sign-in) or the new one is too weak.
 */
export async function changePassword(pool: Pool, person: Person, current: string, next: string, origin: Origin): Promise<void> {
  checkPassword(next, person.name);
  const attempt = await startAttempt(pool, person.name);
  if (!(await isPassword(attempt?.password_hash, current.slice(0, 1_024)))) {
    await noteFailure(pool, attempt, origin);
    throw new RefusedError("current", "passwordWrong");
  }
  const passwordHash = await hashPassword(next);
  await transaction(pool, async (tx) => {
    await tx.query("update account set password_hash = $2, failed_sign_ins = 0, locked_until = null where id = $1", [
      person.accountId,
      passwordHash,
    ]);
    await tx.query("delete from session where account_id = $1 and id <> $2", [person.accountId, person.sessionId]);
    await tx.query("delete from sign_in_link where account_id = $1", [person.accountId]);
    const subject = `person:${person.name}`;
    await audit(tx, { actor: subject, act: "password changed", subject, detail: { address: origin.address } });
  });
}
