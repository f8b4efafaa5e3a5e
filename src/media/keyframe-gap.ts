const TIME_BASE = /^#tb 0: (\d+)\/(\d+)$/;
/** The time at which a packet is decoded: AVIs know no other. */
const PACKET = /^0, *(-?\d+),/;
const NO_TIME = "-9223372036854775808";
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
    if (!packet || packet[1] === NO_TIME || tickMs === undefined) continue;
    atMs = Number(packet[1]) * tickMs;
    longestMs = Math.max(longestMs, atMs - (keyframeMs ?? atMs));
    if (!NO_KEYFRAME.test(line)) keyframeMs = atMs;
  }
  return atMs === undefined ? undefined : Math.round(longestMs);
}
