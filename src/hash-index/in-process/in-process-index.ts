import type { Hash } from "../../model.js";
import { type Collection, createCollection } from "./collection.js";
import { type Loaded, names } from "./load.js";
import { HIT_NUMBERS, hashAt, type Segment } from "./segment.js";
import type { ShapeName } from "./shape.js";
import type { Threads } from "./threads.js";

/** An index of everything active, in the memory of this process. One for all its threads. */
export interface InProcessIndex {
  /** The newest change that it contains: see `reference_change`. */
  appliedSeq(): string;
  /** Says that all changes until `seq` are in. */
  applied(seq: string): void;
  isKnown(referenceId: string): boolean;
  /** A number for a reference whose hashes will be added; it answers once it is finished. */
  begin(referenceId: string): number;
  addFingerprints(number: number, fingerprints: NewFingerprint[]): void;
  addPatches(number: number, patches: NewPatch[]): void;
  finish(number: number): void;
  remove(referenceId: string): void;
  search(shape: ShapeName, queries: Uint8Array, withinBits: number): Promise<FoundHash[]>;
  hashOf(found: Pick<FoundHash, "segment" | "place">): Hash;
  variantOf(number: number): string;
  size(): { references: number; fingerprints: number; patches: number; bytes: number; segments: number };
  settled(): Promise<void>;
}

export interface NewFingerprint {
  atMs: number;
  untilMs: number;
  variant: string;
  pdq: Hash;
}

export interface NewPatch {
  id: number;
  atMs: number;
  untilMs: number;
  x: number;
  y: number;
  side: number;
  hash: Hash;
}

/** One hash near query number `query`, and where its columns are. */
export interface FoundHash {
  query: number;
  referenceId: string;
  segment: Segment;
  place: number;
  distance: number;
}

const ACTIVE = 0;
const GONE = 1;
const ARRIVING = 2;

/** An index that begins with what was loaded. */
export function createInProcessIndex(loaded: Loaded, threads: Threads, onError: (error: unknown) => void): InProcessIndex {
  const references = [...loaded.references];
  const active = new Map(references.map((id, number) => [id, number]));
  const variants = names(loaded.variants);
  let states = new Uint8Array(references.length + 1024);
  let appliedSeq = loaded.appliedSeq;
  let ids = loaded.segments.length;
  const collectionOf = (shape: ShapeName): Collection =>
    createCollection({
      shape,
      loaded: loaded.segments.filter((s) => s.shape === shape),
      threads,
      nextId: () => ++ids,
      isGone: () => states.map((state) => (state === GONE ? 1 : 0)),
      onError,
    });
  const collections = { fingerprints: collectionOf("fingerprints"), patches: collectionOf("patches") };

  function makeRoom(numbers: number): void {
    if (numbers <= states.length) return;
    const larger = new Uint8Array(2 * states.length);
    larger.set(states);
    states = larger;
  }

  return {
    appliedSeq: () => appliedSeq,
    applied: (seq) => {
      appliedSeq = seq;
    },
    isKnown: (referenceId) => active.has(referenceId),
    begin(referenceId) {
      const number = references.push(referenceId) - 1;
      makeRoom(references.length);
      states[number] = ARRIVING;
      return number;
    },
    addFingerprints(number, fingerprints) {
      for (const { pdq, atMs, untilMs, variant } of fingerprints)
        collections.fingerprints.append(pdq, [number, atMs, untilMs, variants.numberOf(variant)]);
    },
    addPatches(number, patches) {
      for (const { hash, atMs, untilMs, x, y, side, id } of patches)
        collections.patches.append(hash, [number, atMs, untilMs, x, y, side, id]);
    },
    finish(number) {
      states[number] = ACTIVE;
      active.set(references[number], number);
    },
    remove(referenceId) {
      const number = active.get(referenceId);
      if (number === undefined) return;
      active.delete(referenceId);
      states[number] = GONE;
    },
    async search(shape, queries, withinBits) {
      const view = collections[shape].view();
      const segments = new Map(view.map(({ segment }) => [segment.id, segment]));
      const numbers = await threads.search(view, queries, withinBits);
      const found: FoundHash[] = [];
      for (let at = 0; at < numbers.length; at += HIT_NUMBERS) {
        const segment = segments.get(numbers[at + 1])!;
        const place = numbers[at + 2];
        const number = segment.columns[0][place];
        if (states[number] !== ACTIVE) continue;
        found.push({ query: numbers[at], referenceId: references[number], segment, place, distance: numbers[at + 3] });
      }
      return found;
    },
    hashOf: ({ segment, place }) => hashAt(segment, place),
    variantOf: (number) => variants.all[number],
    size: () => ({
      references: active.size,
      fingerprints: collections.fingerprints.hashes(),
      patches: collections.patches.hashes(),
      bytes: collections.fingerprints.bytes() + collections.patches.bytes(),
      segments: collections.fingerprints.view().length + collections.patches.view().length,
    }),
    settled: async () => {
      await Promise.all([collections.fingerprints.settled(), collections.patches.settled()]);
    },
  };
}
