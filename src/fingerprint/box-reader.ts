import type { Frame, MediaKind } from "../model.js";
import { cropFrame } from "./borders.js";
import { boxesOf, edgesOf } from "./inner-boxes.js";

/**
 * Pictures among which boxes are looked for together: four seconds of a scan. An inset that is shown for less stands out in too few of
 * them. Every second one is enough to see edges by, at half the time.
 */
const WINDOW = 16;
const EVERY = 2;

/** What a picture holds in each of its boxes has its own name: one is compared with its like before it. */
const variantOf = (i: number): string => (i === 0 ? "inside box" : i === 1 ? "inside another box" : `inside box ${i + 1}`);

export interface BoxReader {
  /** Takes the next picture. At most {@link WINDOW} are held. */
  push(frame: Frame): void;
  /** Gives what is left at the end. */
  flush(): void;
}

/** Looks for boxes ({@link boxesOf}) in pictures given in order of time, and gives what each picture holds inside of them. */
export function createBoxReader(kind: MediaKind, onPicture: (picture: Frame, variant: string) => void): BoxReader {
  let held: Frame[] = [];
  const flush = (): void => {
    const seen = held.filter((_, i) => i % EVERY === 0);
    const boxes = seen.length > 0 ? boxesOf(edgesOf(seen), kind === "image") : [];
    for (const frame of held) {
      for (const [i, box] of boxes.entries()) onPicture(cropFrame(frame, box), variantOf(i));
    }
    held = [];
  };
  const push = (frame: Frame): void => {
    if (held.length > 0 && (held[0].width !== frame.width || held[0].height !== frame.height)) flush();
    held.push(frame);
    if (held.length === WINDOW) flush();
  };
  return { push, flush };
}
