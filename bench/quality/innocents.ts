import type { Corpus } from "./corpus.js";
import type { InnocentFile, KnownFile, Media } from "./types.js";

export interface InnocentOptions {
  corpus: Corpus;
  known: Media[];
  cacheDir: string;
  onProgress?: (text: string) => void;
}

/** Innocent files, and known material that only they are measured against. */
export interface HardInnocents {
  known: KnownFile[];
  innocents: InnocentFile[];
}

export async function prepareInnocents({ corpus }: InnocentOptions): Promise<HardInnocents> {
  return {
    known: [],
    innocents: corpus.innocent.map(({ name, path, kind, durationMs }) => ({ name, path, kind, durationMs, category: "corpus" })),
  };
}
