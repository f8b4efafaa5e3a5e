import { UsageError } from "../../errors.js";
import { selectAttacks } from "./attacks.js";
import type { Corpus } from "./corpus.js";
import { loopable } from "./ffmpeg.js";
import { makeAttack } from "./make-attack.js";
import type { Job } from "./scorer.js";
import type { AttackedFile, InnocentFile, KnownFile, Media } from "./types.js";

export interface JobOptions {
  corpus: Corpus;
  cacheDir: string;
  attacks?: string;
  /** At most so many known videos and so many known images. */
  limit?: number;
  onProgress?: (text: string) => void;
}

const AT_ONCE = 2;

/** What {@link buildAttacked} made. */
export interface Built {
  known: Media[];
  attacked: AttackedFile[];
  /** What could not be made, with the reason: some files do not stand some attacks. */
  skipped: string[];
}

/** Makes (or finds in the cache) every attacked file; several at a time. */
export async function buildAttacked(options: JobOptions): Promise<Built> {
  const { corpus, cacheDir, limit = Number.POSITIVE_INFINITY, onProgress } = options;
  const attacks = selectAttacks(options.attacks);
  const videos = pathsOf(corpus.innocent, "video", corpus.known);
  const innocentVideos = await Promise.all(videos.map((path) => loopable(cacheDir, path)));
  const innocentImages = pathsOf(corpus.innocent, "image", corpus.known);
  const known = (["video", "image"] as const).flatMap((kind) => corpus.known.filter((k) => k.kind === kind).slice(0, limit));
  const tasks = known.flatMap((media) =>
    attacks
      .filter((attack) => attack.appliesTo.includes(media.kind))
      .map((attack) => ({
        name: `${attack.name} of ${media.name}`,
        make: () => makeAttack(attack, media, { cacheDir, second: anotherOf(media, known), innocentVideos, innocentImages }),
      })),
  );
  const made: (AttackedFile | undefined)[] = [];
  const skipped: string[] = [];
  const next = tasks.entries();
  const work = async () => {
    for (const [index, { name, make }] of next) {
      made[index] = await make().catch((error: Error) => void skipped.push(`${name}: ${error.message}`));
      if (index % 100 === 99) onProgress?.(`made ${index + 1} of ${tasks.length} attacked files`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const attacked = made.filter((file) => file !== undefined);
  return { known, attacked: [...attacked, ...naturalCopies(options, known)], skipped };
}

/** The whole job for one detector. */
export function toJob(known: Media[], attacked: AttackedFile[], knownForInnocents: KnownFile[], innocents: InnocentFile[]): Job {
  return { known, attacked, knownForInnocents, innocents };
}

function naturalCopies({ corpus, attacks = "*" }: JobOptions, known: Media[]): AttackedFile[] {
  if (attacks !== "*" && !attacks.split(",").includes("natural")) return [];
  return corpus.copies
    .filter((pair) => known.includes(pair.known))
    .map(({ known: original, copy }) => ({
      attack: "natural-copy",
      group: "natural",
      known: original.name,
      path: copy.path,
      kind: copy.kind,
      durationMs: copy.durationMs,
      truth: [{ caseId: original.caseId, fromMs: 0, toMs: copy.durationMs, knownFromMs: 0, speed: 1 }],
      located: false,
    }));
}

function anotherOf(media: Media, known: Media[]): Media {
  const alike = known.filter((k) => k.kind === media.kind);
  return alike[(alike.indexOf(media) + 1) % alike.length];
}

/** Innocents of that kind; a corpus without any lends a known of the other kind's neighbourhood rather than fail. */
function pathsOf(innocents: Media[], kind: Media["kind"], known: Media[]): string[] {
  const found = innocents.filter((m) => m.kind === kind);
  const paths = (found.length > 0 ? found : innocents).map((m) => m.path);
  if (paths.length === 0)
    throw new UsageError(`corpus: there is no innocent ${kind} to hide a known in (${known.length} known files)`);
  return paths;
}
