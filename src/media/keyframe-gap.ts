/** A packet of the first stream, as ffmpeg's muxer `framecrc` prints it. */
interface Packet {
  /** When it is decoded: AVIs know no other time. */
  atMs: number;
  /** When it is shown, or else decoded. */
  shownMs: number;
  isKeyframe: boolean;
}

const TIME_BASE = /^#tb 0: (\d+)\/(\d+)$/;
const PACKET = /^0, *(-?\d+), *(-?\d+),/;
const NO_TIME = "-9223372036854775808";
/** Told where they are not those of a keyframe alone; the lowest bit says whether it is one. */
const FLAGS = /, F=0x([0-9A-F]+)/;

/** Reads one line after the other; gives undefined for what is no packet, or one without a time. */
export function createPacketReader(): (line: string) => Packet | undefined {
  let tickMs: number | undefined;
  return (line) => {
    const base = TIME_BASE.exec(line);
    if (base) tickMs = (1000 * Number(base[1])) / Number(base[2]);
    const packet = PACKET.exec(line);
    if (!packet || packet[1] === NO_TIME || tickMs === undefined) return undefined;
    const [, decoded, shown] = packet;
    const shownMs = Number(shown === NO_TIME ? decoded : shown) * tickMs;
    return { atMs: Number(decoded) * tickMs, shownMs, isKeyframe: (Number.parseInt(FLAGS.exec(line)?.[1] ?? "1", 16) & 1) === 1 };
  };
}

/**
 * The longest time, in ms, between two pictures stored whole among the first packets of a file's first video, and from the last of them to the last packet.
 *
 * @param framecrc what ffmpeg's muxer of that name prints of them: a line each, with flags where it is not a keyframe.
 * @returns undefined where no packet has a time.
 */
export function keyframeGapMs(framecrc: string): number | undefined {
  const packetOf = createPacketReader();
  let keyframeMs: number | undefined;
  let longestMs: number | undefined;
  for (const line of framecrc.split("\n")) {
    const packet = packetOf(line);
    if (!packet) continue;
    longestMs = Math.max(longestMs ?? 0, packet.atMs - (keyframeMs ?? packet.atMs));
    if (packet.isKeyframe) keyframeMs = packet.atMs;
  }
  return longestMs === undefined ? undefined : Math.round(longestMs);
}
