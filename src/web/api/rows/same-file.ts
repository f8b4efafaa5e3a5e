import type { Db } from "../../../platform/database.js";

/** Active references that were made of exactly this file. `sha256` is 64 hexadecimal digits. */
export async function sameFile(db: Db, sha256: string): Promise<{ caseId: string; referenceId: string; label: string }[]> {
  const { rows } = await db.query<{ caseId: string; referenceId: string; label: string }>(
    `select case_id as "caseId", id as "referenceId", label from reference
     where sha256 = decode($1, 'hex') and retired_at is null order by seq`,
    [sha256],
  );
  return rows;
}
