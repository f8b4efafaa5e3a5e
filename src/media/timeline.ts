export interface Timeline {
  onStderrLine(line: string): void;
  /** The time of the next picture, in ms after the first. Waits for ffmpeg to have told it. */
  next(): Promise<number>;
  /** No more lines will come: pictures without a time get one by continuing the row. */
  close(): void;
}

// Only lines that begin with ffmpeg's own "[": text from inside the file is printed indented.
const SHOWINFO = /^\[.*\bn: *\d+ +pts: *\S+ +pts_time: *(\S+)/;

/**
 * Pairs pictures (on stdout) with the times that the filter `showinfo` prints for them (on stderr), in order: it prints
 * before the picture leaves, so the time is there or on its way. Times never go back; where the time stamps do, or are
 * missing, they go on by one frame.
 */
export function createTimeline(framesPerSecond: number): Timeline {
  const stepMs = framesPerSecond > 0 ? 1000 / framesPerSecond : 40;
  const times: number[] = [];
  let wake = () => {};
  let closed = false;
  let offsetMs: number | undefined;
  let lastMs = -stepMs;

  const place = (ptsMs: number): number => {
    if (!Number.isFinite(ptsMs)) ptsMs = lastMs + stepMs + (offsetMs ?? 0);
    offsetMs ??= ptsMs;
    if (ptsMs - offsetMs < lastMs) offsetMs = ptsMs - lastMs - stepMs;
    lastMs = ptsMs - offsetMs;
    return Math.round(lastMs);
  };

  return {
    onStderrLine(line) {
      const found = SHOWINFO.exec(line);
      if (!found) return;
      times.push(Number(found[1]) * 1000);
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
