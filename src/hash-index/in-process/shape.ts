export type ColumnType = typeof Uint16Array | typeof Uint32Array | typeof Float64Array;
export type Column = Uint16Array<SharedArrayBuffer> | Uint32Array<SharedArrayBuffer> | Float64Array<SharedArrayBuffer>;

/** What is indexed: how long a hash is, and what goes with each. The first column is always the reference's number. */
export interface Shape {
  hashBytes: number;
  /** Of 16 bits each. */
  bands: number;
  /** Whether a posting holds the next band too, for the pigeonring filter. */
  ring: boolean;
  /** Names of the columns after the hash, with what they are kept as. */
  columns: [name: string, type: ColumnType][];
  /** The kernel's loops: over all hashes, and (without a ring) over the postings. */
  indexed: "equal";
  linear: "scan" | "scanEqual";
}

export const SHAPES = {
  fingerprints: {
    hashBytes: 32,
    bands: 16,
    ring: true,
    columns: [
      ["reference", Uint32Array],
      ["at_ms", Uint32Array],
      ["until_ms", Uint32Array],
      ["variant", Uint16Array],
    ],
    indexed: "equal",
    linear: "scan",
  },
  patches: {
    hashBytes: 8,
    bands: 4,
    ring: false,
    columns: [
      ["reference", Uint32Array],
      ["at_ms", Uint32Array],
      ["until_ms", Uint32Array],
      ["x", Uint16Array],
      ["y", Uint16Array],
      ["side", Uint16Array],
      ["id", Float64Array],
    ],
    indexed: "equal",
    linear: "scanEqual",
  },
} satisfies Record<string, Shape>;

export type ShapeName = keyof typeof SHAPES;
