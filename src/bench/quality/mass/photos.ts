import sharp from "sharp";
import { sampleFrames } from "../sample-frames.js";
import type { Media } from "../types.js";
import type { Canvas } from "./scenes.js";

/** The innocent pictures of a corpus, and frames of its innocent videos three seconds apart, as luma of at most 640 × 640. */
export async function loadPhotos(innocents: Media[]): Promise<Canvas[]> {
  const photos: Canvas[] = [];
  for (const { path, kind } of innocents) {
    if (kind === "video") {
      photos.push(...(await sampleFrames(path, 1 / 3)));
      continue;
    }
    const { data, info } = await sharp(path)
      .flatten()
      .resize(640, 640, { fit: "inside" })
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    photos.push({ width: info.width, height: info.height, luma: everyNth(data, info.channels) });
  }
  return photos;
}

function everyNth(data: Buffer, channels: number): Uint8Array {
  return channels === 1
    ? new Uint8Array(data)
    : Uint8Array.from({ length: data.length / channels }, (_, i) => data[i * channels]);
}
