import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, test, vi } from "vitest";
import { pause, within } from "../../src/platform/deadline.js";

afterEach(() => {
  vi.useRealTimers();
});

/** Rejects with the signal's reason; holds nothing but a listener, as a scan does. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

test("the time comes also when garbage was collected meanwhile", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const late = within(200, new AbortController().signal, untilAborted);
  setTimeout(collect, 20);
  await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
});

test("the outer signal is heard, and nothing stays behind in it", async () => {
  const outer = new AbortController();
  expect(await within(60_000, outer.signal, async (signal) => signal.aborted)).toBe(false);
  expect(getEventListeners(outer.signal, "abort")).toHaveLength(0);
  const stopped = within(60_000, outer.signal, untilAborted);
  outer.abort(new Error("stopping"));
  await expect(stopped).rejects.toThrow("stopping");
  await expect(within(60_000, outer.signal, async (signal) => signal.throwIfAborted())).rejects.toThrow("stopping");
});

test("a part that begins anew has a time of its own, from then on", async () => {
  vi.useFakeTimers();
  let startsAgain = () => {};
  const late = within(1_000, new AbortController().signal, (signal, startAgain) => {
    startsAgain = () => startAgain(300);
    return untilAborted(signal);
  });
  const outcome = vi.fn();
  late.catch((error: Error) => outcome(error.name, error.message));
  await vi.advanceTimersByTimeAsync(999);
  startsAgain();
  await vi.advanceTimersByTimeAsync(299);
  expect(outcome.mock.calls).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome.mock.calls).toEqual([["TimeoutError", "300 ms have passed"]]);
});

test("a pause ends when told to, when the time has passed, and when the signal aborts", async () => {
  const stopping = new AbortController();
  const cut = pause(60_000, stopping.signal);
  cut.end();
  await cut.over;
  await pause(1, stopping.signal).over;
  expect(getEventListeners(stopping.signal, "abort")).toHaveLength(0);
  const running = pause(60_000, stopping.signal);
  stopping.abort();
  await running.over;
  await pause(60_000, stopping.signal).over;
});
