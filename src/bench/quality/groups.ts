/** A row of the table of floors: attacks whose recall is asked for together. */
export interface Group {
  id: string;
  label: string;
  /** Recall asked for, 0-1, at zero false matches on innocents; undefined when none is. */
  floor?: number;
}

/** The floors of the detector, in the order of the report. */
export const GROUPS = [
  { id: "basic", label: "codec, size, container, fps, colour, grain, blur, logo, caption, grayscale", floor: 1 },
  { id: "bars", label: "letterbox, pillarbox, pad, border, blurred-background 9:16", floor: 0.99 },
  { id: "crop-small", label: "crop 5-10 %, off-centre", floor: 0.97 },
  { id: "crop-20", label: "crop 20 %", floor: 0.9 },
  { id: "crop-30", label: "crop 30 %", floor: 0.7 },
  { id: "crop-deep", label: "crop 20 % and 30 % of each side (36 % and 16 % of the picture left)" },
  { id: "orientation", label: "mirror, vertical flip, rotation by 90°", floor: 1 },
  { id: "rotate-3", label: "rotation by 3°", floor: 0.95 },
  { id: "excerpt", label: "trim, middle third, 5 s excerpt in 10 min, intro/outro, splice", floor: 0.99 },
  { id: "keyframes", label: "5 s excerpt in 2 min, keyframes every second, every 5 s, at cuts" },
  { id: "time", label: "speed 0.5-2×, reversed, slideshow, gif", floor: 0.97 },
  { id: "inset-70", label: "picture in picture 70 %", floor: 0.9 },
  { id: "inset-50", label: "picture in picture 50 %, side by side", floor: 0.7 },
  { id: "combined", label: "screen recording, combinations of three", floor: 0.85 },
  { id: "cross", label: "screenshot of a known video; known image as video", floor: 0.99 },
  { id: "natural", label: "copies that came with the corpus" },
] as const satisfies readonly Group[];

export type GroupId = (typeof GROUPS)[number]["id"];
