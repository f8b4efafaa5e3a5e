import { cached, runFfmpeg } from "./ffmpeg.js";

/** Fixed, without B-frames, so that pieces can be joined by copying and times stay exact. Keyframes come with the cuts, else every 250 frames. */
export const haystackEncoding = [
  ...["-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "32", "-bf", "0", "-g", "250", "-pix_fmt", "yuv420p"],
  ...["-r", "15", "-video_track_timescale", "15360", "-threads", "2", "-map_metadata", "-1", "-fflags", "+bitexact"],
];

const SIZE = "426x240";
const FIT = "scale=426:240:force_original_aspect_ratio=increase,crop=426:240,setsar=1,fps=15,format=yuv420p";

/** Twelve seconds each of drawn motion that resembles nothing in a corpus; `n` makes every one different. */
const drawn: ((n: number) => string)[] = [
  (n) =>
    `mandelbrot=s=${SIZE}:r=15:start_x=${-0.743 + n * 0.0007}:start_y=${-0.131 - n * 0.0003}:start_scale=${0.05 / (n + 1)}:end_pts=180:maxiter=400`,
  (n) => `gradients=s=${SIZE}:r=15:seed=${n}:nb_colors=6:speed=0.05`,
  (n) => `life=s=106x60:r=15:mold=10:seed=${n}:ratio=0.3:life_color=0x30a0ff:death_color=0x802010,scale=426:240:flags=neighbor`,
  (n) => `testsrc2=s=${SIZE}:r=15,hue=h=${n * 40},rotate=${n}*0.3`,
  (n) => `sierpinski=s=${SIZE}:r=15:seed=${n}:jump=40`,
  (n) => `zoneplate=s=${SIZE}:r=15:kt2=${n}:kx2=${20 + n}:ky2=${30 - n}`,
];

/** One minute: five shots of twelve seconds, alternately innocent clips (each time framed and coloured differently) and drawn motion. */
function piece(minute: number, innocents: string[], path: string): Promise<void> {
  const inputs: string[] = [];
  const shots: string[] = [];
  for (let shot = 0; shot < 5; shot++) {
    const n = minute * 5 + shot;
    if (shot % 2 === 0 && innocents.length > 0) {
      const look = `crop=iw*${(0.95 - (n % 7) * 0.05).toFixed(2)}:ih*${(0.9 - (n % 5) * 0.07).toFixed(2)},hue=h=${(n * 37) % 360}${n % 3 === 0 ? ",hflip" : ""}`;
      inputs.push("-stream_loop", "-1", "-t", "12", "-i", innocents[n % innocents.length]);
      shots.push(`[${inputs.length / 6 - 1}:v]${look},${FIT},trim=end_frame=180[s${shot}]`);
    } else {
      shots.push(`${drawn[n % drawn.length](n)},${FIT},trim=end_frame=180[s${shot}]`);
    }
  }
  const graph = `${shots.join(";")};[s0][s1][s2][s3][s4]concat=n=5[out]`;
  return runFfmpeg([...inputs, "-filter_complex", graph, "-map", "[out]", "-frames:v", "900", ...haystackEncoding, path]);
}

/** One-minute pieces of innocent video, made once per cache folder and set of innocents. */
export async function makeHaystack(cacheDir: string, innocents: string[], minutes = 10): Promise<string[]> {
  const pieces: string[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    pieces.push(await cached(cacheDir, ".mp4", ["haystack", 1, minute, innocents], (path) => piece(minute, innocents, path)));
  }
  return pieces;
}
