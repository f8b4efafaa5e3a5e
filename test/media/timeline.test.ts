import { expect, test } from "vitest";
import { createTimeline } from "../../src/media/timeline.js";

const shown = (n: number, seconds: number | string) => `[Parsed_showinfo_2 @ 0x55d] n:   ${n} pts:  1 pts_time:${seconds} pos: 1`;

async function timesOf(framesPerSecond: number, lines: string[], count: number): Promise<number[]> {
  const timeline = createTimeline(framesPerSecond);
  for (const line of lines) timeline.onStderrLine(line);
  timeline.close();
  const times: number[] = [];
  for (let i = 0; i < count; i++) times.push(await timeline.next());
  return times;
}

test("times count from the first picture", async () => {
  expect(await timesOf(25, [shown(0, 90_000), shown(1, 90_000.5)], 2)).toEqual([0, 500]);
});

test("time goes on by one frame where it goes back, leaps by years, or is missing", async () => {
  const lines = [shown(0, 0), shown(1, 9e11), shown(2, 9e11 + 1), shown(3, 5), shown(4, "NOPTS"), shown(5, 5.5)];
  expect(await timesOf(10, lines, 6)).toEqual([0, 100, 1100, 1200, 1300, 1700]);
});

test("what a text of the file says before the pictures begin is no time of theirs", async () => {
  const lines = [shown(0, 7), shown(1, 7), "Stream mapping:", shown(0, 0), shown(1, 0.25)];
  expect(await timesOf(4, lines, 2)).toEqual([0, 250]);
});
