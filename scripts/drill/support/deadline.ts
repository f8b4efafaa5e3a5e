export interface Deadline {
  signal: AbortSignal;
  /** Forgets the time; to be called when the work is done. */
  clear(): void;
}

/**
 * Aborts after `ms`, or with `signal`. `AbortSignal.any` with `AbortSignal.timeout` does not do: on Node 20 the timeout is held by nobody, is
 * collected as garbage, and never comes (seen on 20.20.2).
 */
export function deadline(ms: number, signal: AbortSignal): Deadline {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new Error(`more than ${Math.round(ms / 1000)} s have passed`)), ms);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const clear = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  };
  return { signal: controller.signal, clear };
}
