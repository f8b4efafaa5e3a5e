import type { Corpus } from "./corpus.js";
import { type Confusable, newsClip, otherShot, sameMemeTemplate, sameSting, variations } from "./innocents/confusable.js";
import { drawnInnocents } from "./innocents/drawn.js";
import { sameRooms } from "./innocents/room.js";
import { twoShots } from "./innocents/shots.js";
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

/** A second of a video shorter than this is not a detail but most of it. */
const SHORTEST_QUOTED_MS = 3_000;

/** Intros, and how long the films behind them must be not to be the smaller part. */
const INTROS = [
  { seconds: 2, shortestMs: 3_000 },
  { seconds: 4, shortestMs: 5_000 },
];

/** The corpus's own innocents, drawn ones, and pairs made to be confused. All are files in the cache folder; deterministic. */
export async function prepareInnocents({ corpus, known, cacheDir, onProgress }: InnocentOptions): Promise<HardInnocents> {
  onProgress?.("making innocents");
  const confusables: Confusable[] = [];
  const cutUp = new Set<string>();
  for (const media of corpus.innocent) {
    const shots = media.kind === "video" && !cutUp.has(media.caseId) ? await twoShots(media) : undefined;
    if (!shots) continue;
    confusables.push(await otherShot(cacheDir, media, shots));
    cutUp.add(media.caseId);
  }
  // A film of which one shot becomes known is no innocent any more, and no ingredient of one; nor is a copy of it.
  const whole = corpus.innocent.filter((media) => !cutUp.has(media.caseId));
  const innocents = [...whole.map(asItIs), ...(await drawnInnocents(cacheDir))];
  for (const media of whole) innocents.push(...(await variations(cacheDir, media)));
  const [knownVideos, knownImages] = [ofKind(known, "video"), ofKind(known, "image")];
  const [videos, images] = [ofKind(whole, "video"), ofKind(whole, "image")];
  const quotable = knownVideos.filter((video) => video.durationMs >= SHORTEST_QUOTED_MS);
  for (const { seconds, shortestMs } of INTROS) {
    const long = knownVideos.filter((video) => video.durationMs >= shortestMs);
    for (const [i, video] of videos.entries()) {
      if (long.length > 0 && video.durationMs >= shortestMs)
        confusables.push(await sameSting(cacheDir, long[i % long.length], video, seconds));
    }
  }
  confusables.push(...(await sameRooms(cacheDir)));
  for (const [i, image] of images.entries()) {
    if (knownImages.length > 0) confusables.push(await sameMemeTemplate(cacheDir, knownImages[i % knownImages.length], image));
  }
  if (videos.length > 0) for (const video of quotable) innocents.push(await newsClip(cacheDir, video, videos));
  return { known: confusables.map((c) => c.known), innocents: [...innocents, ...confusables.map((c) => c.innocent)] };
}

function asItIs({ name, path, kind, durationMs }: Media): InnocentFile {
  return { name, category: "corpus", path, kind, durationMs };
}

function ofKind(media: Media[], kind: Media["kind"]): Media[] {
  return media.filter((m) => m.kind === kind);
}
