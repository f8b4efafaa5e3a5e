import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { type BadInput, clear, type Expectation, either, found, grouped, type Rows, unscannable } from "./bad-media.js";
import { still } from "./bad-media-formats.js";
import { fromClip, fromPhoto, holding, type Kitchen, PHOTO } from "./bad-media-kitchen.js";

const FLAT = /flat|dark|nothing to compare/;

/** Turned as orientation `n` says it was, and saying so: every viewer shows the same picture. */
async function oriented(kitchen: Kitchen, n: number): Promise<string> {
  const turn: Record<number, (image: Sharp) => Sharp> = {
    1: (image) => image,
    2: (image) => image.flop(),
    3: (image) => image.rotate(180),
    4: (image) => image.flip(),
    5: (image) => image.rotate(270).flip(),
    6: (image) => image.rotate(270),
    7: (image) => image.rotate(90).flip(),
    8: (image) => image.rotate(90),
  };
  const pixels = await turn[n](sharp(PHOTO)).png().toBuffer();
  return kitchen.write(`exif-${n}.jpg`, await sharp(pixels).withMetadata({ orientation: n }).jpeg({ quality: 92 }).toBuffer());
}

const orientations: Rows = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [
  `jpeg of EXIF orientation ${n}`,
  found(8),
  (kitchen) => oriented(kitchen, n),
]);

const depths: Rows = [
  ["jpeg in CMYK", found(24), still("cmyk.jpg", (image) => image.toColourspace("cmyk").jpeg({ quality: 92 }))],
  ["jpeg in grey", found(8), still("grey.jpg", (image) => image.greyscale().jpeg({ quality: 92 }))],
  ["jpeg of 4:4:4", found(4), still("444.jpg", (image) => image.jpeg({ quality: 92, chromaSubsampling: "4:4:4" }))],
  ["png of 16 bits", found(4), still("16.png", (image) => image.toColourspace("rgb16").png())],
  ["png with a palette", found(12), still("palette.png", (image) => image.png({ palette: true, colours: 32 }))],
  ["png with two colours", either, still("two.png", (image) => image.png({ palette: true, colours: 2 }))],
  ["png, interlaced", found(0), still("adam7.png", (image) => image.png({ progressive: true }))],
  ["png with alpha", found(), still("alpha.png", (image) => image.ensureAlpha(0.8).png())],
  ["png in grey with alpha", found(), still("grey-alpha.png", (image) => image.greyscale().ensureAlpha(0.9).png())],
  ["png all transparent", unscannable(FLAT), still("nothing.png", (image) => image.ensureAlpha(0).png())],
  ["webp with alpha", found(), still("alpha.webp", (image) => image.ensureAlpha(0.8).webp({ lossless: true }))],
  ["tiff of 16 bits", found(4), still("16.tiff", (image) => image.toColourspace("rgb16").tiff({ compression: "deflate" }))],
  ["tiff of floating point", either, still("float.tiff", (image) => image.toColourspace("scrgb").tiff({ compression: "none" }))],
  ["tiff in CMYK", found(24), still("cmyk.tiff", (image) => image.toColourspace("cmyk").tiff())],
  [
    "tiff of tiles",
    found(4),
    still("tiles.tiff", (image) => image.tiff({ tile: true, tileWidth: 64, tileHeight: 64, compression: "deflate" })),
  ],
  ["tiff of jpeg", found(8), still("jpeg.tiff", (image) => image.tiff({ compression: "jpeg", quality: 90 }))],
  ["big tiff", found(4), still("big.tiff", (image) => image.tiff({ bigtiff: true }))],
  ["tiff in black and white", either, still("bits.tiff", (image) => image.greyscale().threshold(110).tiff({ bitdepth: 1 }))],
  ["jpeg with a wide colour space", found(16), still("p3.jpg", (image) => image.withIccProfile("p3").jpeg({ quality: 92 }))],
  ["avif of 10 bits", found(8), still("10.avif", (image) => image.avif({ bitdepth: 10, quality: 70, effort: 2 }))],
  ["avif of 12 bits", found(8), still("12.avif", (image) => image.avif({ bitdepth: 12, quality: 70, effort: 2 }))],
  ["avif without loss", found(4), still("lossless.avif", (image) => image.avif({ lossless: true, effort: 1 }))],
  ["gif with transparency", found(), still("transparent.gif", (image) => image.ensureAlpha(1).gif({ colours: 64 }))],
  ["bmp of 8 bits", found(12), fromPhoto("8.bmp", "-pix_fmt", "gray")],
  ["bmp of 16 bits", found(8), fromPhoto("16.bmp", "-pix_fmt", "rgb565le")],
  ["png of the camera's density", found(0), still("density.png", (image) => image.withMetadata({ density: 1 }).png())],
  ["apng of one picture", either, fromClip("one.png", "-frames:v", "1", "-f", "apng")],
];

const blank = (width: number, height: number, name: string, expect: Expectation = unscannable(FLAT)): Rows[number] => [
  `png of ${width}x${height}${expect === clear ? ", patterned" : ""}`,
  expect,
  (kitchen) => sized(kitchen, width, height, name),
];

async function sized(kitchen: Kitchen, width: number, height: number, name: string): Promise<string> {
  const grey = { r: 120, g: 130, b: 90 };
  await sharp({ create: { width, height, channels: 3, background: grey } })
    .png()
    .toFile(join(kitchen.folder, name));
  return join(kitchen.folder, name);
}

const sizes: Rows = [
  blank(1, 1, "1x1.png"),
  blank(1, 10_000, "1x10000.png"),
  blank(10_000, 1, "10000x1.png"),
  blank(7, 3, "7x3.png"),
  blank(2, 2, "2x2.png"),
  ["photo of 1x300", either, still("1x300.png", (image) => image.resize(1, 300, { fit: "fill" }).png())],
  ["photo of 7x3", either, still("photo-7x3.png", (image) => image.resize(7, 3, { fit: "fill" }).png())],
  ["photo of 16x11", either, still("photo-16x11.png", (image) => image.resize(16, 11, { fit: "fill" }).png())],
  ["photo of 33x21", either, still("photo-33x21.png", (image) => image.resize(33, 21, { fit: "fill" }).png())],
  [
    "photo of 8001x5001",
    found(),
    still("photo-large.jpg", (image) => image.resize(8001, 5001, { fit: "fill" }).jpeg({ quality: 50 })),
  ],
  ["photo of 1000x20", either, still("photo-1000x20.png", (image) => image.resize(1000, 20, { fit: "fill" }).png())],
  [
    "gif whose picture is larger than its canvas",
    either,
    holding("larger.gif", () =>
      Buffer.from("474946383961010001008000000000 00ffffff2c00000000ff00ff0000020244 01003b".replaceAll(" ", ""), "hex"),
    ),
  ],
];

export const oddStills = (): BadInput[] => [
  ...grouped("turned by EXIF", orientations),
  ...grouped("odd depths and colours", depths),
  ...grouped("odd sizes", sizes),
];
