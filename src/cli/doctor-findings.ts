/** What one check found, in a sentence; where something is wrong it says what to do. */
export interface Finding {
  state: "ok" | "warning" | "failed";
  text: string;
}

/** A name (of a variable, where there is one) and what looks at it. What it throws is a failure. */
export type Check = [name: string, run: () => Promise<Finding>];

export const ok = (text: string): Finding => ({ state: "ok", text });
export const warning = (text: string): Finding => ({ state: "warning", text });
export const failed = (text: string): Finding => ({ state: "failed", text });

/** The worst of several things said about one subject; `fine` when there is nothing to say. */
export function worstOf(problems: (Finding | undefined | false)[], fine: string): Finding {
  const said = problems.filter((problem): problem is Finding => Boolean(problem));
  if (said.length === 0) return ok(fine);
  const state = said.some((problem) => problem.state === "failed") ? "failed" : "warning";
  return { state, text: said.map(({ text }) => text).join("; ") };
}

export const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
