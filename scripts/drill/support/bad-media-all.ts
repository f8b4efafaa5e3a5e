import type { BadInput } from "./bad-media.js";
import { bombs } from "./bad-media-bombs.js";
import { flipped, truncated, whole } from "./bad-media-damaged.js";
import { lists } from "./bad-media-lists.js";
import { matroskaLies } from "./bad-media-matroska.js";
import { mp4Lies } from "./bad-media-mp4.js";
import { places } from "./bad-media-places.js";
import { oddStills } from "./bad-media-stills.js";
import { strangers } from "./bad-media-strangers.js";
import { oddVideos } from "./bad-media-videos.js";

/** Of each format so many are spoilt at random. */
const FLIPPED_EACH = 8;

/** All inputs, in an order that mixes the slow with the quick. The same seed gives the same bytes. */
export function allBadMedia(seed: number): BadInput[] {
  const all = [
    ...[...whole(), ...truncated(), ...flipped(seed, FLIPPED_EACH)],
    ...[...bombs(), ...mp4Lies(), ...matroskaLies(), ...lists()],
    ...[...strangers(), ...oddStills(), ...oddVideos(), ...places()],
  ];
  const names = new Set(all.map(({ name }) => name));
  if (names.size !== all.length) throw new Error("two bad inputs have the same name");
  // 97 is prime and no divisor of the number of inputs: each comes once.
  return all.map((_, i) => all[(97 * i) % all.length]);
}
