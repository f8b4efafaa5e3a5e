import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { audit } from "../platform/audit.js";
import { type Db, transaction } from "../platform/database.js";

/**
 * How a secret lies in its column when it is encrypted: `whsec_sealed_`, eight digits that name the key, `_`, and base64url of nonce, tag and
 * ciphertext. One in clear is `whsec_` and base64, which has no `_`.
 */
const SEALED = /^whsec_sealed_([0-9a-f]{8})_([\w-]+)$/;

/** AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D, 8.2.2), of which a key may use 2^32: it has two for each webhook. */
const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Names a key without telling it: the beginning of its SHA-256. */
const nameOf = (key: Buffer): string => createHash("sha256").update(key).digest("hex").slice(0, 8);

/**
 * The secret as it is to be kept: encrypted by the first of the keys, or as it is when there are none. It is bound to its webhook, so that
 * whoever may write to the table cannot give one webhook's secret to another.
 */
export function sealSecret(keys: Buffer[], webhookId: string, secret: string): string {
  const [key] = keys;
  if (key === undefined) return secret;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(webhookId));
  const sealed = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return `whsec_sealed_${nameOf(key)}_${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url")}`;
}

/** The secret behind what is kept; undefined when none of the keys opens it, or it was changed or is another webhook's. */
export function openSecret(keys: Buffer[], webhookId: string, kept: string): string | undefined {
  const [, name, text] = SEALED.exec(kept) ?? [];
  if (text === undefined) return kept;
  const key = keys.find((one) => nameOf(one) === name);
  if (key === undefined) return undefined;
  const bytes = Buffer.from(text, "base64url");
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(webhookId))
      .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

interface Row {
  id: string;
  secret: string;
  previous: string | null;
}

/**
 * Keeps every secret as {@link sealSecret} does with these keys, so in clear when there are none; `openedBy` are the keys that secrets are
 * encrypted with now. Returns how many webhooks were changed, and how many could not be, because no key opens theirs.
 */
export async function sealAll(
  pool: Pool,
  keys: Buffer[],
  openedBy: Buffer[],
  actor: string,
): Promise<{ changed: number; closed: number }> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<Row>(`select id, secret, previous_secret as previous from webhook order by id for update`);
    const counts = { changed: 0, closed: 0 };
    for (const row of rows.filter(({ secret, previous }) =>
      [secret, previous ?? secret].some((kept) => !isAsWanted(keys, kept)),
    )) {
      const secret = openSecret(openedBy, row.id, row.secret);
      const previous = row.previous === null ? null : openSecret(openedBy, row.id, row.previous);
      if (secret === undefined || previous === undefined) {
        counts.closed++;
        continue;
      }
      await tx.query("update webhook set secret = $2, previous_secret = $3 where id = $1", [
        row.id,
        sealSecret(keys, row.id, secret),
        previous === null ? null : sealSecret(keys, row.id, previous),
      ]);
      counts.changed++;
    }
    const act = keys.length > 0 ? "webhook secrets encrypted" : "webhook secrets decrypted";
    if (counts.changed > 0) await audit(tx, { actor, act, subject: "webhook:all", detail: counts });
    return counts;
  });
}

const isAsWanted = ([key]: Buffer[], kept: string): boolean => SEALED.exec(kept)?.[1] === (key && nameOf(key));

/** Of how many webhooks the secrets are in clear, encrypted by the first key, by one of the others, or by one that is not among them. */
export async function sealedFigures(db: Db, keys: Buffer[]): Promise<Record<"clear" | "sealed" | "older" | "closed", number>> {
  const { rows } = await db.query<Row>("select id, secret, previous_secret as previous from webhook");
  const figures = { clear: 0, sealed: 0, older: 0, closed: 0 };
  for (const { id, secret, previous } of rows) {
    const kept = [secret, ...(previous === null ? [] : [previous])];
    if (kept.some((one) => openSecret(keys, id, one) === undefined)) figures.closed++;
    else if (kept.some((one) => !SEALED.test(one))) figures.clear++;
    else if (kept.every((one) => isAsWanted(keys, one))) figures.sealed++;
    else figures.older++;
  }
  return figures;
}
