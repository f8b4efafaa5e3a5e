import type { Pool } from "pg";
import { closeCase, createCase, reopenCase } from "../../casework/cases.js";
import { retireCase } from "../../hash-index/listed.js";
import { audit } from "../../platform/audit.js";
import type { Db } from "../../platform/database.js";
import { bankNameOf, caseIdOf, isCaseId } from "./bank-names.js";
import { refused } from "./errors.js";

export interface Bank {
  name: string;
  /** How much of what is asked is told of its matches: 0 is nothing, 1 all. */
  matching_enabled_ratio: number;
}

interface Row {
  id: string;
  ratio: number;
  closed: boolean;
  merged: boolean;
}

const SELECT = `select c.id, coalesce(b.enabled_ratio, 1) as ratio, c.closed_at is not null as closed, c.merged_into is not null as merged
  from "case" c left join hma_bank b on b.case_id = c.id`;

const bankOf = ({ id, ratio }: Row): Bank => ({ name: bankNameOf(id), matching_enabled_ratio: ratio });

/** Open cases; a closed one is no bank. */
export async function listBanks(db: Db): Promise<Bank[]> {
  const { rows } = await db.query<Row>(`${SELECT} where c.closed_at is null order by c.created_at, c.id`);
  return rows.map(bankOf);
}

/** The bank of that name, with its case. @throws ProblemError 404. */
export async function findBank(db: Db, name: string): Promise<Bank & { caseId: string }> {
  const caseId = caseIdOf(name);
  const { rows } = await db.query<Row>(`${SELECT} where c.id = $1 and c.closed_at is null`, [caseId ?? ""]);
  if (rows.length === 0) throw refused(404, `bank '${name.slice(0, 64)}' not found`);
  return { ...bankOf(rows[0]), caseId: rows[0].id };
}

/** The cases of these banks and the ratio of each, by case; of all when none are named. @throws ProblemError 404 for one that is not there. */
export async function banksByCase(db: Db, caseIds: string[]): Promise<Map<string, Bank>> {
  const { rows } = await db.query<Row>(`${SELECT} where c.id = any($1::text[]) and c.closed_at is null`, [caseIds]);
  return new Map(rows.map((row) => [row.id, bankOf(row)]));
}

const NAME = /^[A-Z_][A-Z0-9_]*$/;

/** A new case, or a closed one opened again. @throws ProblemError 400 for its name, 403 when it is there. */
export async function createBank(pool: Pool, name: string, ratio: number, actor: string): Promise<Bank> {
  if (!NAME.test(name)) throw refused(400, "Bank names must match [A-Z_][A-Z0-9_]*");
  const caseId = caseIdOf(name);
  if (caseId === undefined || !isCaseId(caseId))
    throw refused(400, "Bank names that begin with _ stand for cases of other names: choose one that begins with a letter");
  const { rows } = await pool.query<Row>(`${SELECT} where c.id = $1`, [caseId]);
  if (rows.length > 0 && (!rows[0].closed || rows[0].merged)) throw refused(403, "Bank already exists");
  if (rows.length > 0) await reopenCase(pool, caseId, actor);
  else await createCase(pool, { id: caseId }, actor);
  await setRatio(pool, caseId, ratio);
  return { name, matching_enabled_ratio: ratio };
}

/** @throws ProblemError 400, also when it is to be called otherwise: a case keeps its name. */
export async function updateBank(
  pool: Pool,
  name: string,
  change: { name?: string; ratio?: number },
  actor: string,
): Promise<Bank> {
  const { caseId, ...bank } = await findBank(pool, name);
  if (change.name !== undefined && change.name !== name) throw refused(400, "a bank is a case, and keeps its name");
  if (change.ratio === undefined) return bank;
  await setRatio(pool, caseId, change.ratio);
  await audit(pool, { actor, act: "bank changed", subject: `case:${caseId}`, detail: { enabledRatio: change.ratio } });
  return { ...bank, matching_enabled_ratio: change.ratio };
}

async function setRatio(db: Db, caseId: string, ratio: number): Promise<void> {
  if (!(ratio >= 0 && ratio <= 1)) throw refused(400, "enabled_ratio must be from 0 to 1");
  await db.query(
    `insert into hma_bank (case_id, enabled_ratio) values ($1, $2) on conflict (case_id) do update set enabled_ratio = excluded.enabled_ratio`,
    [caseId, ratio],
  );
}

/** Retires all its material and closes the case: what was recorded of it stays, which evidence needs. */
export async function deleteBank(pool: Pool, name: string, actor: string): Promise<void> {
  const caseId = caseIdOf(name);
  const { rowCount } = await pool.query(`select 1 from "case" where id = $1 and closed_at is null`, [caseId ?? ""]);
  if (caseId === undefined || rowCount === 0) return;
  const retired = await retireCase(pool, caseId);
  await closeCase(pool, caseId, actor);
  await audit(pool, { actor, act: "bank deleted", subject: `case:${caseId}`, detail: { retired } });
}
