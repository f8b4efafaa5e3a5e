import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { cached, runFfmpeg } from "../ffmpeg.js";
import { randomFrom } from "../mass/random.js";
import { type Confusable, X264 } from "./confusable.js";

const ROOMS = 3;
const SECONDS = 6;

/** Things of all sizes and shades, as what is in a room, or on a jacket: rectangles that lie over each other. */
function things(width: number, height: number, count: number, seed: number): Buffer {
  const random = randomFrom(seed);
  const rectangles = Array.from({ length: count }, () => {
    const [w, h] = [0.05 + 0.25 * random(), 0.05 + 0.25 * random()].map((share) => Math.round(share * width));
    const [x, y] = [Math.round(random() * (width - w / 2)), Math.round(random() * (height - h / 2))];
    const [red, green, blue] = [0, 0, 0].map(() => Math.round(30 + 200 * random()));
    return `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="rgb(${red},${green},${blue})"/>`;
  });
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#787878"/>${rectangles.join("")}</svg>`,
  );
}

/** Somebody in a room: a jacket, and two arms that go up and down in their own way, seen by a camera that stands still. */
function inRoom(cacheDir: string, room: number, person: number): Promise<string> {
  return cached(cacheDir, ".mp4", ["in a room", 2, room, person], async (to) => {
    const folder = await mkdtemp(join(tmpdir(), "reupload-room-"));
    const still = async (name: string, width: number, height: number, count: number, seed: number) => {
      const path = join(folder, `${name}.png`);
      await sharp(things(width, height, count, seed))
        .png()
        .toFile(path);
      return ["-loop", "1", "-framerate", "15", "-t", String(SECONDS), "-i", path];
    };
    try {
      const random = randomFrom(7_000 + person);
      const left = Math.round(80 + 120 * random());
      const pace = (2 + 2 * random()).toFixed(2);
      const inputs = [
        await still("room", 426, 240, 60, 100 + room),
        await still("jacket", 116, 184, 40, 200 + person),
        await still("arm", 60, 40, 14, 300 + person),
      ];
      const filter = [
        `[0:v]noise=alls=4:allf=t:all_seed=${person}[room]`,
        "[2:v]split[arm][other]",
        `[room][1:v]overlay=${left}:56[dressed]`,
        `[dressed][arm]overlay=${left - 40}:'100+50*sin(${pace}*t)'[one]`,
        `[one][other]overlay=${left + 96}:'100+50*cos(1.3*${pace}*t)',format=yuv420p[out]`,
      ].join(";");
      await runFfmpeg([...inputs.flat(), "-filter_complex", filter, "-map", "[out]", ...X264, to]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** Films of different people before the same wall: one is known, another must not be taken for it. */
export async function sameRooms(cacheDir: string): Promise<Confusable[]> {
  const confusables: Confusable[] = [];
  for (let room = 1; room <= ROOMS; room++) {
    confusables.push({
      known: { caseId: `somebody in room ${room}`, path: await inRoom(cacheDir, room, 2 * room), kind: "video" },
      innocent: {
        name: `somebody else in room ${room}`,
        category: "same room",
        path: await inRoom(cacheDir, room, 2 * room + 1),
        kind: "video",
        durationMs: 1000 * SECONDS,
      },
    });
  }
  return confusables;
}
