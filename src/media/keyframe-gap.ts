const TIME_BASE = /^#tb 0: (\d+)\/(\d+)$/;
const PACKET = /^0, *(-?\d+), *(-?\d+),/;
const NO_KEYFRAME = /, F=0x0\b/;

/**
 * The longest time, in ms, between two pictures stored whole among the first packets of a file's first video, and from the last of them to the last packet.
 *
 * @param framecrc what ffmpeg's muxer of that name prints of them: a line each, with flags where it is not a keyframe.
 * @returns undefined where no packet has a time.
 */
export function keyframeGapMs(framecrc: string): number | undefined {
  let tickMs: number | undefined;
  let atMs: number | undefined;
  let keyframeMs: number | undefined;
  let longestMs = 0;
  for (const line of framecrc.split("\n")) {
    const base = TIME_BASE.exec(line);
    if (base) tickMs = (1000 * Number(base[1])) / Number(base[2]);
    const packet = PACKET.exec(line);
    if (!packet || tickMs === undefined) continue;
    // In order of decoding; pictures are shown in another, but never before the keyframe that they need.
    atMs = Math.max(atMs ?? Number.NEGATIVE_INFINITY, Number(packet[2]) * tickMs);
    longestMs = Math.max(longestMs, atMs - (keyframeMs ?? atMs));
    if (!NO_KEYFRAME.test(line)) keyframeMs = Number(packet[2]) * tickMs;
  }
  return atMs === undefined ? undefined : Math.round(longestMs);
}
