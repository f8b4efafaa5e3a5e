import { z } from "zod";
import { entryOr, FieldError, isWithdrawn, type ListEntry, type Parsed, pdqSignal, plainText } from "./entry.js";
import { jsonRecords } from "./json-records.js";
import { nameOf } from "./name-of.js";

/** What a page of StopNCII's says beside its records. */
export interface StopNciiPage {
  nextPageToken?: string;
  nextSetTimestamp?: number;
  hasMoreRecords?: boolean;
}

const record = z.object({
  signalType: z.string(),
  hashValue: z.string(),
  hashStatus: z.string().default("Active"),
});

const page = z.object({
  nextPageToken: z.string().nullish(),
  nextSetTimestamp: z.number().int().min(0).nullish(),
  hasMoreRecords: z.boolean().nullish(),
});

/**
 * StopNCII's `FetchHashes`: `{…, "hashRecords": […]}`, one or several pages. `ImagePDQ` is used; records of other signals come as what is
 * wrong with them. A record is known by its hash. What it learns of paging is written into `told`.
 *
 * @throws FieldError when the JSON is broken.
 */
export async function* readStopNcii(chunks: AsyncIterable<Uint8Array>, told: StopNciiPage = {}): AsyncGenerator<Parsed> {
  let documents = 0;
  for await (const part of jsonRecords(chunks, "hashRecords")) {
    if ("record" in part) {
      const place = `line ${part.line}`;
      yield entryOr(place, () => entryOf(part.record, place));
      continue;
    }
    documents++;
    if (!("hashRecords" in part.rest)) throw new FieldError("hashRecords", "is missing: is it an answer of FetchHashes?");
    const parsed = page.safeParse(part.rest);
    if (!parsed.success) throw new FieldError(parsed.error.issues[0].path.join("."), "is not what FetchHashes answers");
    told.nextPageToken = parsed.data.nextPageToken ?? undefined;
    told.nextSetTimestamp = parsed.data.nextSetTimestamp ?? undefined;
    told.hasMoreRecords = parsed.data.hasMoreRecords ?? false;
  }
  if (documents === 0) throw new FieldError("file", "is empty");
}

function entryOf(text: string, place: string): ListEntry {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new FieldError("hashRecords", "holds a record that is not JSON");
  }
  const parsed = record.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new FieldError(issue.path.join("."), `is wrong: ${issue.message}`);
  }
  const { signalType, hashValue, hashStatus } = parsed.data;
  if (signalType !== "ImagePDQ")
    throw new FieldError(
      "signalType",
      `${plainText("signalType", signalType, 64)} is not supported: only ImagePDQ finds altered copies`,
      { unsupported: true },
    );
  const signal = pdqSignal("hashValue", hashValue);
  const entry = nameOf(signal);
  return isWithdrawn("hashStatus", hashStatus) ? { place, entry } : { place, entry, signal };
}
