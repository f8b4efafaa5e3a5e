import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { audit } from "../platform/audit.js";
import { transaction } from "../platform/database.js";
import { changeIndex } from "../platform/index-lock.js";
import { emptyReferences } from "./erase/references.js";
import { eraseCaseIn, type Receipt } from "./erase.js";

const ACTOR = "service";
const REASON = "its retention ended";

/** References emptied in one transaction, which holds the index still. */
const AT_ONCE = 50;

/**
 * Erases the cases, and empties the references, whose `retain_until` has passed. To be called now and then; two that do this at once share
 * the work. Returns the receipts (one a case, one for some references), which are in the audit log as well: `eraseFromQueues` needs each.
 */
export async function retireExpired(pool: Pool): Promise<Receipt[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from "case" where retain_until < now() and merged_into is null order by retain_until`,
  );
  const receipts: Receipt[] = [];
  for (const { id } of rows) {
    const receipt = await eraseExpired(pool, id);
    if (receipt) receipts.push(receipt);
  }
  for (;;) {
    const receipt = await emptySome(pool);
    if (!receipt) return receipts;
    receipts.push(receipt);
  }
}

/** Undefined when it is gone, or kept for longer, since it was found. */
async function eraseExpired(pool: Pool, id: string): Promise<Receipt | undefined> {
  return transaction(pool, async (tx) => {
    await changeIndex(tx);
    const { rowCount } = await tx.query(
      `select 1 from "case" where id = $1 and retain_until < now() and merged_into is null for update`,
      [id],
    );
    return rowCount === 0 ? undefined : eraseCaseIn(tx, id, ACTOR, REASON);
  });
}

/** Undefined when there are none. */
async function emptySome(pool: Pool): Promise<Receipt | undefined> {
  const waiting = await pool.query("select 1 from reference where retain_until < now() limit 1");
  if (waiting.rowCount === 0) return undefined;
  return transaction(pool, async (tx) => {
    await changeIndex(tx);
    const { rows } = await tx.query<{ id: string }>(
      "select id from reference where retain_until < now() order by retain_until, id limit $1 for update",
      [AT_ONCE],
    );
    if (rows.length === 0) return undefined;
    const emptied = await emptyReferences(
      tx,
      rows.map(({ id }) => id),
    );
    const receipt = { id: randomUUID(), counts: { ...emptied.counts } };
    const detail = { reason: REASON, ...receipt.counts };
    await audit(tx, { actor: ACTOR, act: "references erased", subject: `erasure:${receipt.id}`, detail });
    const nothing = { submissionIds: [], alertIds: [], takedownIds: [], caseIds: [], repointed: [] };
    return { ...receipt, inQueues: { ...nothing, restated: emptied.restated } };
  });
}
