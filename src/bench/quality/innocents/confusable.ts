import sharp from "sharp";
import { svgText } from "../bitmap-font.js";
import { cached, loopable, runFfmpeg } from "../ffmpeg.js";
import type { InnocentFile, KnownFile, Media } from "../types.js";
import type { Shot } from "./shots.js";

const FIT = "scale=426:240:force_original_aspect_ratio=increase,crop=426:240,setsar=1,fps=15,format=yuv420p";
export const X264 = ["-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-threads", "1"];
const stingOf = (frames: number) =>
  `mandelbrot=s=426x240:r=15:start_x=-1.2506:start_y=0.0201:start_scale=0.5:end_scale=0.02:end_pts=${frames},drawbox=140:90:146:60:0xd81e5b:fill,trim=end_frame=${frames}`;

/** Two files that an eye tells apart and that share something: the first becomes known, the second must not be taken for it. */
export interface Confusable {
  known: KnownFile;
  innocent: InnocentFile;
}

/** One shot of a video is known; another shot of the same video, showing something else, is checked. */
export async function otherShot(cacheDir: string, media: Media, [first, last]: [Shot, Shot]): Promise<Confusable> {
  const cut = ({ fromMs, toMs }: Shot) =>
    cached(cacheDir, ".mp4", ["shot", 1, media.path, fromMs, toMs], (to) =>
      // A frame less at either end, where the cut was found and the neighbour may still shine through.
      runFfmpeg([
        "-i",
        media.path,
        "-vf",
        `trim=${fromMs / 1000 + 0.1}:${toMs / 1000 - 0.1},setpts=PTS-STARTPTS,scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p`,
        ...X264,
        to,
      ]),
    );
  return {
    known: { caseId: `first shot of ${media.name}`, path: await cut(first), kind: "video" },
    innocent: {
      name: `last shot of ${media.name}`,
      category: "other shot of the same film",
      path: await cut(last),
      kind: "video",
      durationMs: last.toMs - last.fromMs,
    },
  };
}

function withSting(cacheDir: string, media: Media, seconds: number): Promise<string> {
  return cached(cacheDir, ".mp4", ["sting", seconds, media.path], (to) =>
    runFfmpeg([
      "-t",
      "10",
      "-i",
      media.path,
      "-filter_complex",
      `${stingOf(15 * seconds)},${FIT}[s];[0:v]${FIT}[v];[s][v]concat=n=2[out]`,
      "-map",
      "[out]",
      ...X264,
      to,
    ]),
  );
}

/** The same intro, of so many seconds, in front of a known and of an innocent film. */
export async function sameSting(cacheDir: string, known: Media, innocent: Media, seconds: number): Promise<Confusable> {
  const nameOf = ({ name }: Media) => `sting of ${seconds} s + ${name}`;
  return {
    known: { caseId: nameOf(known), path: await withSting(cacheDir, known, seconds), kind: "video" },
    innocent: {
      name: nameOf(innocent),
      category: `same intro of ${seconds} s`,
      path: await withSting(cacheDir, innocent, seconds),
      kind: "video",
      durationMs: Math.min(10_000, innocent.durationMs) + 1000 * seconds,
    },
  };
}

/** One second of a known in the middle of half a minute of something else. */
export async function newsClip(cacheDir: string, known: Media, innocents: Media[]): Promise<InnocentFile> {
  const [a, b] = [innocents[0], innocents[innocents.length - 1]];
  const [before, after] = await Promise.all([a, b].map(({ path }) => loopable(cacheDir, path)));
  const path = await cached(cacheDir, ".mp4", ["news", 1, known.path, a.path, b.path], (to) =>
    runFfmpeg([
      ...["-stream_loop", "-1", "-t", "15", "-i", before, "-ss", String(known.durationMs / 2000), "-t", "1", "-i", known.path],
      ...["-stream_loop", "-1", "-t", "15", "-i", after],
      ...[
        "-filter_complex",
        `[0:v]${FIT}[x];[1:v]${FIT}[y];[2:v]${FIT},hflip[z];[x][y][z]concat=n=3[out]`,
        "-map",
        "[out]",
        ...X264,
        to,
      ],
    ]),
  );
  return { name: `1 s of ${known.name} in the news`, category: "news sharing 1 s", path, kind: "video", durationMs: 31_000 };
}

/** The same meme template: a white frame with a caption above and below, around whatever picture. */
async function meme(cacheDir: string, picture: string, caption: string): Promise<string> {
  return cached(cacheDir, ".jpg", ["meme", 1, picture, caption], async (to) => {
    const frame = `<svg xmlns="http://www.w3.org/2000/svg" width="500" height="560"><rect width="500" height="560" fill="#ffffff"/>
      ${svgText("NOBODY AT ALL", 20, 20, 5, "#000000")}${svgText(caption, 20, 500, 4, "#000000")}<rect x="18" y="78" width="464" height="404" fill="#000000"/></svg>`;
    const inner = await sharp(picture).resize(460, 400, { fit: "cover" }).toBuffer();
    await sharp(Buffer.from(frame))
      .composite([{ input: inner, left: 20, top: 80 }])
      .jpeg({ quality: 85 })
      .toFile(to);
  });
}

export async function sameMemeTemplate(cacheDir: string, known: Media, innocent: Media): Promise<Confusable> {
  return {
    known: { caseId: `meme of ${known.name}`, path: await meme(cacheDir, known.path, "ME ON A MONDAY"), kind: "image" },
    innocent: {
      name: `meme of ${innocent.name}`,
      category: "same meme template",
      path: await meme(cacheDir, innocent.path, "MY CAT, 3 AM"),
      kind: "image",
      durationMs: 0,
    },
  };
}

/** An innocent film seen another way: almost dark, letterboxed, or slowly moved over like a face that talks to the camera. */
export async function variations(cacheDir: string, media: Media): Promise<InnocentFile[]> {
  const looks: [category: string, filter: string, input: string[]][] =
    media.kind === "video"
      ? [
          ["dark film", `${FIT},eq=brightness=-0.35:contrast=0.5`, ["-t", "10", "-i", media.path]],
          ["letterboxed innocent", `${FIT},pad=426:320:0:40`, ["-t", "10", "-i", media.path]],
        ]
      : [
          [
            "talking head",
            `${FIT},zoompan=z=1.25+0.03*sin(on/9):x=iw*0.1+6*sin(on/7):y=ih*0.05+4*sin(on/5):d=1:s=426x240:fps=15`,
            ["-loop", "1", "-framerate", "15", "-t", "5", "-i", media.path],
          ],
        ];
  return Promise.all(
    looks.map(async ([category, filter, input]): Promise<InnocentFile> => {
      const path = await cached(cacheDir, ".mp4", ["variation", 1, input, filter], (to) =>
        runFfmpeg([...input, "-vf", filter, ...X264, to]),
      );
      return {
        name: `${category}: ${media.name}`,
        category,
        path,
        kind: "video",
        durationMs: media.kind === "video" ? Math.min(10_000, media.durationMs) : 5000,
      };
    }),
  );
}
