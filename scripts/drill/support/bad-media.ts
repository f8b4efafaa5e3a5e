import type { Kitchen } from "./bad-media-kitchen.js";

/** What must become of an input. */
export type Expectation =
  /** Known material is found in it: of the kitchen's clip or photo, which are registered. Distance of 256, at the median. */
  | { verdict: "match"; withinBits?: number }
  /** It can be read, holds nothing known, and was compared. */
  | { verdict: "clear" }
  /** A person is told why it cannot be read. */
  | { verdict: "unscannable"; because: RegExp }
  /** Not a file that may be read: the job is parked. */
  | { verdict: "refused"; because: RegExp }
  /** Damage at random: readable or not, but one of them properly. */
  | { verdict: "either" };

/** One bad, odd or hostile file, made when it is asked for. */
export interface BadInput {
  name: string;
  /** What it is an example of. */
  group: string;
  make(kitchen: Kitchen): Promise<string>;
  expect: Expectation;
  /** It is about the place, not the bytes: a server could not hand it out. */
  byPathOnly?: boolean;
}

export const found = (withinBits?: number): Expectation => ({ verdict: "match", withinBits });
export const clear: Expectation = { verdict: "clear" };
export const unscannable = (because: RegExp): Expectation => ({ verdict: "unscannable", because });
export const refused = (because: RegExp): Expectation => ({ verdict: "refused", because });
export const either: Expectation = { verdict: "either" };

/** A table of a group: name, what it must come to, how it is made. */
export type Rows = [name: string, expect: Expectation, make: (kitchen: Kitchen) => Promise<string>][];

export const grouped = (group: string, rows: Rows): BadInput[] =>
  rows.map(([name, expect, make]) => ({ name, group, expect, make }));
