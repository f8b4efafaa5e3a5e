import type { Pool, PoolClient } from "pg";
import { UsageError } from "../errors.js";
import { audit } from "../platform/audit.js";
import { asTransient } from "../platform/database.js";
import { readVersion } from "../platform/version.js";
import { canonicalJson } from "./canonical-json.js";
import { createChain, type Entry, type EvidencePack, FORMAT } from "./evidence-chain.js";
import { caseContent, knownContents, policyContents, uploadContents } from "./evidence-rows.js";

type Heading = Omit<EvidencePack, "entries" | "head">;
type Part = { heading: Heading } | { entries: Entry[] } | { head: string };

/**
 * The evidence pack of a case: the case, the policies, its known material, and every re-upload that nobody dismissed. All of it as it was
 * at one moment. Who asked for it, and its head, go to the audit log.
 *
 * @throws UsageError when there is no such case, or it was merged: then the other one has its re-uploads.
 */
export async function evidencePack(pool: Pool, caseId: string, actor: string): Promise<EvidencePack> {
  let heading: Heading | undefined;
  const entries: Entry[] = [];
  let head = "";
  for await (const part of evidenceParts(pool, caseId, actor)) {
    if ("heading" in part) heading = part.heading;
    else if ("entries" in part) entries.push(...part.entries);
    else head = part.head;
  }
  return { ...heading!, entries, head };
}

/**
 * The same pack as the text of one JSON document, an entry a line, some hundred re-uploads in memory at a time. Throws as
 * {@link evidencePack} does, before the first text.
 */
export async function* evidenceJson(pool: Pool, caseId: string, actor: string): AsyncGenerator<string> {
  let first = true;
  for await (const part of evidenceParts(pool, caseId, actor)) {
    if ("heading" in part) yield `${canonicalJson(part.heading).slice(0, -1)},"entries":[\n`;
    else if ("head" in part) yield `\n],"head":"${part.head}"}\n`;
    else if (part.entries.length > 0) {
      yield (first ? "" : ",\n") + part.entries.map(canonicalJson).join(",\n");
      first = false;
    }
  }
}

/** The heading, the entries in pages, and the head. One that is broken off half way is in the audit log as well, without a head. */
async function* evidenceParts(pool: Pool, caseId: string, actor: string): AsyncGenerator<Part> {
  const tx = await pool.connect();
  const chain = createChain();
  const told: { entries: number; head: string | null } = { entries: 0, head: null };
  let broken = false;
  try {
    await tx.query("begin isolation level repeatable read read only");
    const heading = await headingOf(tx, caseId, actor);
    yield { heading };
    for await (const entries of chained(tx, chain, heading)) {
      told.entries += entries.length;
      yield { entries };
    }
    told.head = chain.head();
    await tx.query("commit");
  } catch (error) {
    throw asTransient(error);
  } finally {
    // Of whoever stopped reading as well; after the commit there is nothing left to roll back.
    await tx.query("rollback").catch(() => {
      broken = true;
    });
    tx.release(broken);
    if (told.entries > 0) await audit(pool, { actor, act: "evidence pack made", subject: `case:${caseId}`, detail: told });
  }
  yield { head: told.head };
}

async function headingOf(tx: PoolClient, caseId: string, actor: string): Promise<Heading> {
  const { rows } = await tx.query<{ now: Date; mergedInto: string | null }>(
    `select now(), merged_into as "mergedInto" from "case" where id = $1`,
    [caseId],
  );
  if (rows.length === 0) throw new UsageError(`case: there is no case ${caseId}`);
  const { now, mergedInto } = rows[0];
  if (mergedInto)
    throw new UsageError(`case: ${caseId} was merged into ${mergedInto}, which has its re-uploads; ask for that one`);
  return { format: FORMAT, caseId, madeAt: now.toISOString(), madeBy: actor, toolVersion: readVersion() };
}

async function* chained(tx: PoolClient, chain: ReturnType<typeof createChain>, heading: Heading): AsyncGenerator<Entry[]> {
  const { caseId } = heading;
  yield [chain.add("case", { ...heading, case: await caseContent(tx, caseId) })];
  yield (await policyContents(tx, caseId)).map((content) => chain.add("policy", content));
  yield (await knownContents(tx, caseId)).map((content) => chain.add("known material", content));
  for await (const page of uploadContents(tx, caseId)) yield page.map((content) => chain.add("re-upload", content));
}
