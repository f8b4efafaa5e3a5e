import type { Hash, MediaKind } from "../model.js";

/** Known material of which only hashes came, in a hash list. Each entry of a list is one reference. */
export interface ListedMaterial {
  /** Its id in the list. */
  entry: string;
  caseId: string;
  label: string;
  kind: MediaKind;
  durationMs: number;
  /** Of list, entry and hashes: says whether an entry is as it was. 32 bytes. */
  identity: Buffer;
  fingerprints: { hash: Hash; quality: number; atMs: number }[];
}

/** What of the entries that were given is new, as it was, has other hashes now, or is gone. */
export interface ListChange {
  added: number;
  unchanged: number;
  changed: number;
  withdrawn: number;
}
