/**
 * The program that decodes images, in a process of its own inside the sandbox: see still-process.ts, which starts it and believes nothing
 * that it answers. Plain JavaScript and alone in its file, so that it runs the same from the sources and compiled, with no file of ours
 * but this one in sight.
 *
 * Messages, both ways: two 32-bit little-endian lengths, then a header in JSON and a body of so many bytes.
 */
import { createRequire } from "node:module";

// Where it lies is told, since it may be elsewhere than the folders above say. What it has for require is read in two thirds of the time.
const sharp = createRequire(import.meta.url)(process.argv[2]);

/** Everything else that libvips could open is never opened: drawings, documents, scientific formats, whatever a system's own libvips adds. */
const LOADERS = ["Jpeg", "Png", "Webp", "Nsgif", "Tiff", "Heif"].map((format) => `VipsForeignLoad${format}`);

sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({ operation: LOADERS });
sharp.cache(false);

/** The file of the moment. */
let file = Buffer.alloc(0);

const open = (options) => sharp(file, { failOn: "error", sequentialRead: true, ...options });

const acts = {
  async open(_, body) {
    file = body;
    const { width, height, format, compression, autoOrient, pages, delay } = await open({ limitInputPixels: false }).metadata();
    return { header: { width, height, format, compression, autoOrient, pages, delay } };
  },
  /** The whole picture, upright, once for each size. */
  async pictures({ sizes, maxPixels, backdrop }) {
    const pictures = sizes.map((size) => raw(open({ limitInputPixels: maxPixels }).autoOrient(), size, backdrop));
    return joined(await Promise.all(pictures));
  },
  /** Some of the pages of an animation, which are decoded together. */
  async pages({ first, count, wanted, page, size, backdrop }) {
    const all = open({ page: first, pages: count, limitInputPixels: false }).toColourspace("srgb").raw({ depth: "uchar" });
    const { data, info } = await all.toBuffer({ resolveWithObject: true });
    const { channels } = info;
    const bytes = page.width * page.height * channels;
    const pictures = wanted.map((at) => {
      const pixels = data.subarray((at - first) * bytes, (at - first + 1) * bytes);
      return raw(sharp(pixels, { raw: { ...page, channels } }), size, backdrop);
    });
    return joined(await Promise.all(pictures));
  },
  async close() {
    file = Buffer.alloc(0);
    return { header: {} };
  },
};

/**
 * Of libvips' kernels lanczos2 is the nearest to the area filter that videos get: 0.6-1.6 grey levels apart on average, where linear is
 * 0.9-2.2 and lanczos3 0.8-1.9 (four photographs, enlarged to 1600 pixels and reduced to 256).
 */
const raw = (picture, size, backdrop) =>
  picture
    .flatten({ background: { r: backdrop, g: backdrop, b: backdrop } })
    .resize({ ...size, fit: "fill", kernel: "lanczos2", fastShrinkOnLoad: true })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });

const joined = (pictures) => ({
  header: { channels: pictures.map(({ info }) => info.channels) },
  body: Buffer.concat(pictures.map(({ data }) => data)),
});

function answer({ header, body = Buffer.alloc(0) }) {
  const text = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(text.length, 0);
  lengths.writeUInt32LE(body.length, 4);
  process.stdout.write(lengths);
  process.stdout.write(text);
  process.stdout.write(body);
}

/** Takes bytes from standard input, into memory that is there before they come: a file is held once. */
async function* bytesOf(input) {
  let wanted = yield;
  let taken = 0;
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + wanted.length - taken);
      wanted.set(part, taken);
      taken += part.length;
      at += part.length;
      while (taken === wanted.length) {
        wanted = yield wanted;
        taken = 0;
      }
    }
  }
}

const input = bytesOf(process.stdin);
await input.next();
const take = async (length) => (length === 0 ? Buffer.alloc(0) : (await input.next(Buffer.alloc(length))).value);

answer({ header: { ready: true } });
for (;;) {
  const lengths = await take(8);
  if (lengths === undefined) break;
  const header = JSON.parse((await take(lengths.readUInt32LE(0))).toString());
  const body = await take(lengths.readUInt32LE(4));
  answer(await acts[header.act](header, body).catch((error) => ({ header: { error: String(error).slice(0, 1000) } })));
}
