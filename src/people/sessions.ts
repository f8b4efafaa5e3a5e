import { randomUUID } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";
import type { Language } from "./accounts.js";
import type { PersonRole, Who } from "./rights.js";
import { looksLikeSecret, newSecret, sha256Of } from "./secrets.js";

/** A session ends after this long without a request, and after {@link SESSION_DAYS} whatever happens: a working day, a working week. */
const IDLE_HOURS = 12;
export const SESSION_DAYS = 7;

export type Person = Extract<Who, { kind: "person" }>;

/** Where a sign-in comes from. */
export interface Origin {
  address: string;
  /** The browser, as it calls itself. */
  agent: string;
}

export interface Session {
  id: string;
  address: string;
  agent: string;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
}

/** What every change by a person must carry. It follows from the session's secret, which pages and scripts never see. */
const csrfTokenOf = (secret: string) => sha256Of(`csrf ${secret}`).toString("base64url");

/** Starts a session; returns its secret, which only the cookie keeps. Sessions that have ended are removed on the way. */
export async function openSession(tx: PoolClient, accountId: string, { address, agent }: Origin): Promise<string> {
  const secret = newSecret();
  await tx.query("delete from session where expires_at < now()");
  await tx.query(
    `insert into session (id, token_sha256, account_id, address, agent, expires_at)
     values ($1, $2, $3, $4, $5, now() + make_interval(hours => $6))`,
    [randomUUID(), sha256Of(secret), accountId, address, agent.replace(/\p{C}+/gu, " ").slice(0, 300), IDLE_HOURS],
  );
  return secret;
}

interface SessionRow {
  sessionId: string;
  accountId: string;
  name: string;
  role: PersonRole;
  language: Language;
  settings: Record<string, unknown>;
  isStale: boolean;
}

/** Who holds this secret; undefined when it is none, has ended, or the account is disabled. Moves the end further, once a minute. */
export async function whoOfSession(db: Db, secret: string): Promise<Person | undefined> {
  if (!looksLikeSecret(secret)) return undefined;
  const { rows } = await db.query<SessionRow>(
    `select s.id as "sessionId", a.id as "accountId", a.name, a.role, a.language, a.settings,
            s.last_seen_at < now() - interval '1 minute' as "isStale"
     from session s
     join account a on a.id = s.account_id
     where s.token_sha256 = $1 and s.expires_at > now() and a.disabled_at is null`,
    [sha256Of(secret)],
  );
  if (rows.length === 0) return undefined;
  const { isStale, ...person } = rows[0];
  if (isStale) await touch(db, person.sessionId);
  return { kind: "person", ...person, csrfToken: csrfTokenOf(secret) };
}

const touch = (db: Db, sessionId: string) =>
  db.query(
    `update session
     set last_seen_at = now(),
         expires_at = least(now() + make_interval(hours => $2), created_at + make_interval(days => $3))
     where id = $1`,
    [sessionId, IDLE_HOURS, SESSION_DAYS],
  );

/** The account's own, the last used first. */
export async function listSessions(db: Db, accountId: string): Promise<Session[]> {
  const { rows } = await db.query<Session>(
    `select id, address, agent, created_at as "createdAt", last_seen_at as "lastSeenAt", expires_at as "expiresAt"
     from session
     where account_id = $1 and expires_at > now()
     order by last_seen_at desc, id
     limit 200`,
    [accountId],
  );
  return rows;
}

/** Ends one session of the person's own; false when it is not theirs or has ended. */
export async function endSession(pool: Pool, person: Person, sessionId: string): Promise<boolean> {
  return transaction(pool, async (tx) => {
    const { rowCount } = await tx.query("delete from session where id::text = $1 and account_id = $2", [
      sessionId,
      person.accountId,
    ]);
    if (!rowCount) return false;
    const act = sessionId === person.sessionId ? "signed out" : "session ended";
    await audit(tx, { actor: `person:${person.name}`, act, subject: `session:${sessionId}` });
    return true;
  });
}

/** Ends all of the person's sessions but the one they are in; returns how many. */
export async function endOtherSessions(pool: Pool, person: Person): Promise<number> {
  return transaction(pool, async (tx) => {
    const ended = await tx.query("delete from session where account_id = $1 and id <> $2", [person.accountId, person.sessionId]);
    const sessions = ended.rowCount ?? 0;
    const subject = `person:${person.name}`;
    if (sessions > 0) await audit(tx, { actor: subject, act: "other sessions ended", subject, detail: { sessions } });
    return sessions;
  });
}
