import type { Parsed } from "./entry.js";

/** Where fetching goes on, as the source understands it; kept in `hash_list.checkpoint`. */
export type Checkpoint = Record<string, string>;

/** One page: its entries, read as they arrive, and then where the next one begins, or that it was the last. */
export interface Source {
  name: "ncmec" | "stopncii";
  url: URL;
  /** Reads the page at a checkpoint. `take` may be called again from the start of the page when its body broke off. */
  page(
    at: Checkpoint,
    take: (parsed: AsyncIterable<Parsed>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<{ next: Checkpoint; isLast: boolean }>;
  /** Where to begin when a checkpoint in the middle is no longer understood; undefined when it is a beginning already. */
  rewound(at: Checkpoint): Checkpoint | undefined;
}

/** @throws UsageError naming the variable. */
export type Secrets = (variable: string) => string;
