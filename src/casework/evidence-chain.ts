import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical-json.js";

/** What one entry of a pack is about. Times are ISO 8601 in UTC; lengths and places in time are milliseconds; hashes hexadecimal. */
export type Content = Record<string, unknown>;

/** One link of the chain. */
export interface Entry {
  /** Counts from 1. */
  entry: number;
  about: "case" | "policy" | "known material" | "re-upload";
  content: Content;
  /** The `sha256` of the entry before it; 64 zeros for the first. */
  previous: string;
  /** SHA-256, hexadecimal, of the canonical JSON (RFC 8785) of this entry without this field. */
  sha256: string;
}

export const FORMAT = "reupload-evidence/1";

/** Everything that is known of a case's re-uploads, as handed to the police: no media, hashes only. */
export interface EvidencePack {
  format: typeof FORMAT;
  caseId: string;
  madeAt: string;
  madeBy: string;
  toolVersion: string;
  entries: Entry[];
  /** Of the last entry: whoever has it can tell that nothing before it was changed, taken out or put in. */
  head: string;
}

const NOTHING_BEFORE = "0".repeat(64);

/** Chains contents in the order given. */
export function createChain(): { add(about: Entry["about"], content: Content): Entry; head(): string } {
  let previous = NOTHING_BEFORE;
  let count = 0;
  return {
    add(about, content) {
      // As a reader gets it back from JSON.
      const link = { entry: ++count, about, content: JSON.parse(canonicalJson(content)) as Content, previous };
      previous = hashOf(link);
      return { ...link, sha256: previous };
    },
    head: () => previous,
  };
}

const hashOf = (link: Omit<Entry, "sha256">): string => createHash("sha256").update(canonicalJson(link)).digest("hex");

export interface PackCheck {
  /** Entries found in order, from the first. */
  entries: number;
  /** Of the last of them. */
  head: string;
  /** The first entry that is not as it was written; the number after the last when it is the head that does not fit. */
  broken?: { entry: number; what: string };
}

/** Recomputes every hash of a pack that was read from its JSON. What stands beside the entries is repeated in the first, and must agree. */
export function verifyPack(pack: EvidencePack): PackCheck {
  const check: PackCheck = { entries: 0, head: NOTHING_BEFORE };
  for (const entry of pack.entries) {
    const what = whatIsWrong(entry, check);
    if (what) return { ...check, broken: { entry: check.entries + 1, what } };
    check.entries++;
    check.head = entry.sha256;
  }
  const what = check.head === pack.head ? headingIsWrong(pack) : "the head is not that of the last entry: entries are missing";
  return what ? { ...check, broken: { entry: check.entries + 1, what } } : check;
}

function whatIsWrong(entry: Entry, { entries, head }: PackCheck): string | undefined {
  if (entry.entry !== entries + 1) return `entry ${entry.entry} stands in the place of entry ${entries + 1}`;
  if (entry.previous !== head) return `entry ${entry.entry} does not follow the one before it`;
  const { sha256, ...link } = entry;
  return hashOf(link) === sha256 ? undefined : `entry ${entry.entry} was changed after it was written`;
}

function headingIsWrong(pack: EvidencePack): string | undefined {
  const { format, caseId, madeAt, madeBy, toolVersion } = pack;
  const first = pack.entries[0]?.content;
  if (!first) return "there is no entry";
  const said = { format, caseId, madeAt, madeBy, toolVersion };
  const differing = Object.entries(said).filter(([field, value]) => first[field] !== value);
  return differing.length > 0 ? `${differing.map(([field]) => field).join(", ")} is not as in the first entry` : undefined;
}
