import { asset } from "./assets.js";
import type { Attack, AttackContext, Recipe } from "./attacks/recipe.js";
import { even, LONGEST_CLIP_MS } from "./attacks/recipe.js";
import { cached, runFfmpeg } from "./ffmpeg.js";
import { makeHaystack } from "./haystack.js";
import type { AttackedFile, Media } from "./types.js";

/** Attacked videos are this large at most on their long side, images twice that. */
const VIDEO_LONG_SIDE = 480;
const IMAGE_LONG_SIDE = 960;

const DETERMINISTIC = ["-an", "-sn", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-threads", "2"];

/** What an attack may use besides the known itself. */
export interface AttackMaterial {
  cacheDir: string;
  /** Another known of the same kind. */
  second: Media;
  innocentVideos: string[];
  innocentImages: string[];
  /** Length of the film that the excerpt is buried in; 10 unless a test wants less. */
  haystackMinutes?: number;
}

function contextFor(known: Media, material: AttackMaterial): AttackContext {
  const { cacheDir, second, innocentVideos, innocentImages } = material;
  const longSide = known.kind === "video" ? VIDEO_LONG_SIDE : IMAGE_LONG_SIDE;
  const scale = Math.min(1, longSide / Math.max(known.width, known.height));
  const [width, height] = [even(known.width * scale), even(known.height * scale)];
  const pick = [...known.name].reduce((sum, c) => sum + c.charCodeAt(0), 0);
  return {
    known,
    second,
    innocentVideo: innocentVideos[pick % innocentVideos.length],
    innocentImage: innocentImages[pick % innocentImages.length],
    width,
    height,
    clipMs: Math.min(known.durationMs, LONGEST_CLIP_MS),
    cacheDir,
    asset: (name, w = width, h = height) => asset(cacheDir, name, w, h),
    haystack: () => makeHaystack(cacheDir, innocentVideos, material.haystackMinutes),
  };
}

function argumentsOf(recipe: Recipe): string[] {
  const mapping =
    recipe.filter === undefined ? ["-map", "0:v:0"] : ["-filter_complex", recipe.filter.replace(/\n\s*/g, ""), "-map", "[out]"];
  return [...recipe.inputs, ...mapping, ...DETERMINISTIC, ...recipe.encode];
}

/** Makes the attacked file, or finds it in the cache folder. */
export async function makeAttack(attack: Attack, known: Media, material: AttackMaterial): Promise<AttackedFile> {
  const recipe = await attack.make(contextFor(known, material));
  const args = argumentsOf(recipe);
  const path = await cached(material.cacheDir, recipe.extension, ["attack", 1, args], (to) => runFfmpeg([...args, to]));
  return {
    attack: attack.name,
    group: attack.group,
    known: known.name,
    path,
    kind: recipe.kind,
    durationMs: recipe.durationMs,
    truth: recipe.truth,
    located: recipe.kind === "video",
  };
}
