export interface Timeline {
  onStderrLine(line: string): void;
  /** The time of the next picture, in ms after the first. Waits for ffmpeg to have told it. */
  next(): Promise<number>;
  /** No more lines will come: pictures without a time get one by continuing the row. */
  close(): void;
}

/** From one picture to the next. No video leaps further: the time stamps are damaged, or made to spread it over years. */
const LONGEST_LEAP_MS = 3_600_000;

/** What ffmpeg says once it has described the input, and before the first picture. Texts of the file are in the description only. */
const DESCRIBED = "Stream mapping:";

const SHOWINFO = /^\[.*\bn: *\d+ +pts: *\S+ +pts_time: *(\S+)(?:.*\btype:(\w))?/;

/** What the filter `showinfo` prints of a picture: its time in ms, NaN where it has none, and how it is stored, `I` if whole. Undefined of any other line. */
export function readShowinfo(line: string): { ptsMs: number; type?: string } | undefined {
  const found = SHOWINFO.exec(line);
  return found ? { ptsMs: Number(found[1]) * 1000, type: found[2] } : undefined;
}

/**
 * Pairs pictures (on stdout) with the times that the filter `showinfo` prints for them (on stderr), in order: it prints
 * before the picture leaves, so the time is there or on its way. Times never go back, nor on by more than an hour; where the time stamps
 * do, or are missing, they go on by one frame.
 */
export function createTimeline(framesPerSecond: number): Timeline {
  const stepMs = framesPerSecond > 0 ? 1000 / framesPerSecond : 40;
  const times: number[] = [];
  let wake = () => {};
  let closed = false;
  let lastPtsMs: number | undefined;
  let lastMs = -stepMs;

  const place = (ptsMs: number): number => {
    const leapMs = lastPtsMs === undefined ? stepMs : ptsMs - lastPtsMs;
    const isPlausible = leapMs >= 0 && leapMs <= Math.max(LONGEST_LEAP_MS, 2 * stepMs);
    lastMs += isPlausible ? leapMs : stepMs;
    lastPtsMs = Number.isFinite(ptsMs) ? ptsMs : (lastPtsMs ?? 0) + stepMs;
    return Math.round(lastMs);
  };

  return {
    onStderrLine(line) {
      if (line === DESCRIBED) times.length = 0;
      const shown = readShowinfo(line);
      if (!shown) return;
      times.push(shown.ptsMs);
      wake();
    },
    async next() {
      while (times.length === 0 && !closed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return place(times.shift() ?? Number.NaN);
    },
    close() {
      closed = true;
      wake();
    },
  };
}
