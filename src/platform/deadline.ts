/**
 * Does `work` with a signal that aborts with `outer`, or after `ms` with a TimeoutError. `work` may call `startAgain` when its next part
 * begins, which has a time of its own: the time until then no longer counts.
 *
 * `AbortSignal.any` with `AbortSignal.timeout` would not do on Node 20: nobody holds the timeout, so it is collected as garbage and never
 * comes (20.20.2), and a signal that lives long keeps a little of each that was made of it.
 */
export async function within<T>(
  ms: number,
  outer: AbortSignal,
  work: (signal: AbortSignal, startAgain: (ms: number) => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer.reason);
  const start = (ofMs: number) =>
    setTimeout(() => controller.abort(new DOMException(`${ofMs} ms have passed`, "TimeoutError")), ofMs);
  let timer = start(ms);
  const startAgain = (ofMs: number) => {
    clearTimeout(timer);
    timer = start(ofMs);
  };
  if (outer.aborted) onAbort();
  else outer.addEventListener("abort", onAbort, { once: true });
  try {
    return await work(controller.signal, startAgain);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", onAbort);
  }
}

export interface Pause {
  /** After the time, when ended, or when the signal aborts. Never rejects. */
  over: Promise<void>;
  end(): void;
}

/** A wait that can be cut short. It leaves nothing behind in `signal`, which may live as long as the process. */
export function pause(ms: number, signal: AbortSignal): Pause {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    const timer = setTimeout(() => end(), ms);
    end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
  return { over, end };
}
