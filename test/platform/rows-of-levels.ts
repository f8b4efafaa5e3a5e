import type pg from "pg";
import type { Reading } from "../../src/model.js";
import { readingOf } from "../support/material.js";

/** The one known video, recognised in the one upload. */
export const KNOWN: Reading = readingOf(77, 4);
export const REFERENCE = "11111111-1111-4111-8111-111111111111";
const [VERDICT, MATCH, ALERT, TAKEDOWN, ACCOUNT, WEBHOOK] = [2, 3, 4, 5, 6, 7].map(
  (n) => `${n}`.repeat(8) + `-${n}111-4111-8111-${`${n}`.repeat(12)}`,
);
const bits = (hash: Uint8Array) => [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
const hex = (hash: Uint8Array) => Buffer.from(hash).toString("hex");

/**
 * Rows as an installation at this level has them, in every table that the level made. The statements are fit for that level's tables and no
 * later ones: like a landed migration, they are never edited. A new migration with a table brings its own; one that only changes tables
 * has none.
 */
export const ROWS_OF_LEVEL: Record<string, (pool: pg.Pool) => Promise<void>> = {
  "001": async (pool) => {
    await pool.query(
      `insert into "case" (id, title, class, legal_basis, upload_count) values ('C-17', 'old', 'national', 'a court', 1)`,
    );
    await pool.query(
      `insert into reference (id, case_id, label, kind, sha256, duration_ms, algorithm, fingerprint_count, provenance, looked_back_at)
       values ($1, 'C-17', 'old.mp4', 'video', decode($2, 'hex'), 2000, 'test/1', 4, 'own', now())`,
      [REFERENCE, KNOWN.sha256],
    );
    for (const { atMs, pdq } of KNOWN.fingerprints)
      await pool.query(
        `insert into reference_fingerprint (reference_id, algorithm, variant, at_ms, until_ms, quality, pdq)
         values ($1, 'test/1', 'full', $2, $2, 100, $3::bit(256))`,
        [REFERENCE, atMs, bits(pdq)],
      );
    await pool.query(
      `insert into reference_band (key, neighbours, fingerprint_id)
         select b * 65536 + substring(pdq from 1 + 16 * b for 16)::int, substring(pdq || pdq from 17 + 16 * b for 32)::bit(32), id
         from reference_fingerprint, generate_series(0, 15) as b`,
    );
    await pool.query(
      `insert into reference_patch (reference_id, algorithm, at_ms, until_ms, x, y, side, hash)
       values ($1, 'patch/1', 0, 0, 1, 2, 3, decode(repeat('5a', 16), 'hex'))`,
      [REFERENCE],
    );
    await pool.query(
      `insert into submission (id, content_sha256, content, platform, page_url, media_url, uploader_id, uploader_url, media_sha256, kind, duration_ms, scanned_at)
       values ('up-1', sha256('x'), '{"version": 1}', 'videosite', 'https://videosite.example/1', 'https://cdn.example/1', 'profile-1',
               'https://videosite.example/p', sha256('y'), 'video', 2000, now())`,
    );
    await pool.query(
      `insert into submission_fingerprint (submission_id, algorithm, variants, at_ms, until_ms, quality, pdq, blockhash, expires_at)
       values ('up-1', 'test/1', '{full}', '{0}', '{0}', '{100}', decode($1, 'hex'), decode($1, 'hex'), now() + interval '1 year')`,
      [hex(KNOWN.fingerprints[0].pdq)],
    );
    await pool.query(`insert into policy (version, content) values ('old', '{"n": 1}')`);
    await pool.query(
      `insert into verdict (id, submission_id, origin, kind, reasons, policy_version, tool_version) values ($1, 'up-1', 'scan', 'match', '{because}', 'old', '0')`,
      [VERDICT],
    );
    await pool.query(
      `insert into match (id, verdict_id, reference_id, case_id, verdict, confidence, transform, segments, frames_agreeing, median_distance_bits,
                          coverage_of_reference, coverage_of_submission)
       values ($1, $2, $3, 'C-17', 'match', 0.99, '{"mirrored":false,"rotatedDeg":0,"speed":1,"cropped":false}', '[]', 4, 2, 1, 1)`,
      [MATCH, VERDICT, REFERENCE],
    );
    await pool.query(`insert into reupload (case_id, submission_id, number) values ('C-17', 'up-1', 1)`);
    await pool.query(`insert into alert (id, verdict_id, submission_id, kind) values ($1, $2, 'up-1', 'match')`, [
      ALERT,
      VERDICT,
    ]);
    await pool.query(
      `insert into alert_event (alert_id, actor, act, detail) values ($1, 'person:ana', 'noted', '{"text": "a note"}')`,
      [ALERT],
    );
    await pool.query(
      `insert into takedown (id, submission_id, case_id, request, deadline_at)
       values ($1, 'up-1', 'C-17', '{"attempt": 1}', now() + interval '1 day')`,
      [TAKEDOWN],
    );
    await pool.query(
      `insert into outbox (queue, name, job_id, payload) values ('alerts', 'alert', 'alert-old', '{"submissionId": "up-1"}')`,
    );
    await pool.query(
      `insert into parked_job (queue, job_id, reason, payload) values ('submissions', 'p-1', 'media: wrong', '{}')`,
    );
    await pool.query(
      `insert into audit_log (actor, act, subject) values ('cli', 'case made', 'case:C-17'), ('cli', 'known added', 'case:C-17')`,
    );
  },
  "002": async (pool) => {
    await pool.query("insert into reference_change (reference_id) values ($1)", [REFERENCE]);
  },
  "004": async (pool) => {
    await pool.query(`insert into account (id, name, role, email) values ($1, 'Ana', 'admin', 'ana@example.org')`, [ACCOUNT]);
    await pool.query(
      `insert into session (id, token_sha256, account_id, address, agent, expires_at) values ($1, sha256('s'), $1, '::1', 'a', now() + interval '1 day')`,
      [ACCOUNT],
    );
    await pool.query(
      `insert into service_token (id, name, token_sha256, scopes, created_by, expires_at) values ($1, 'old', sha256('t'), '{admin}', 'cli', now() + interval '1 day')`,
      [ACCOUNT],
    );
    await pool.query(
      `insert into sign_in_link (token_sha256, account_id, expires_at) values (sha256('l'), $1, now() + interval '1 day')`,
      [ACCOUNT],
    );
  },
  "005": async (pool) => {
    await pool.query(
      `insert into dismissal (reference_id, media_sha256, actor, reason) values ($1, sha256('z'), 'person:ana', 'not it')`,
      [REFERENCE],
    );
    await pool.query(`insert into takedown_event (takedown_id, attempt, state, actor) values ($1, 1, 'queued', 'service')`, [
      TAKEDOWN,
    ]);
  },
  "006": async (pool) => {
    await pool.query(
      `insert into idempotency (actor, key, request_sha256, claim, claimed_until, status, body, expires_at)
       values ('token:old', 'k', sha256('r'), $1, now(), 201, '{}', now() + interval '1 day')`,
      [ACCOUNT],
    );
  },
  "007": async (pool) => {
    await pool.query(`insert into hash_list (name, source, checkpoint) values ('list', 'ncmec', '{"next": 5}')`);
    await pool.query(`insert into hma_bank (case_id, enabled_ratio) values ('C-17', 0.5)`);
    await pool.query(`insert into hma_content (reference_id, note) values ($1, 'old')`, [REFERENCE]);
  },
  "008": async (pool) => {
    await pool.query(
      `insert into webhook (id, name, url, events, secret, created_by) values ($1, 'old', 'https://hooks.example', '{alert.raised}', 'whsec_b2xk', 'cli')`,
      [WEBHOOK],
    );
    await pool.query(
      `insert into webhook_delivery (webhook_id, event, submission_id, payload) values ($1, 'alert.raised', 'up-1', '{"alertId": "old"}')`,
      [WEBHOOK],
    );
    await pool.query(`insert into digest (day, next_at) values ('2026-01-01', now())`);
  },
  "009": async (pool) => {
    await pool.query(`insert into intake (submission_id, job) values ('up-2', '{"version": 1, "submissionId": "up-2"}')`);
  },
};
