import type { Log } from "../platform/log.js";

export interface Check {
  name: string;
  /** Resolves when the thing is usable; rejects with what is wrong. */
  check(): Promise<void>;
}

export interface Readiness {
  ready: boolean;
  /** By check: "ok", "failed", or "no answer within 2000 ms". The reason is in the log: this goes out unauthenticated. */
  checks: Record<string, string>;
}

const CHECK_TIMEOUT_MS = 2_000;

/**
 * Returns a function that runs all checks at once and never rejects. A check that hangs is not started a second time
 * while the first run is under way. The log has one line when a check's outcome changes.
 */
export function createReadiness(checks: Check[], log: Log, timeoutMs = CHECK_TIMEOUT_MS): () => Promise<Readiness> {
  const running = new Map<string, Promise<void>>();
  const lastSeen = new Map<string, string>();

  const start = ({ name, check }: Check): Promise<void> => {
    const run = running.get(name) ?? Promise.resolve().then(check);
    running.set(name, run);
    const done = () => running.delete(name);
    run.then(done, done);
    return run;
  };

  const outcomeOf = async (check: Check): Promise<string> => {
    let timer: NodeJS.Timeout | undefined;
    let err: unknown;
    const outcome = await Promise.race([
      start(check).then(
        () => "ok",
        (error: unknown) => {
          err = error;
          return "failed";
        },
      ),
      new Promise<string>((resolve) => {
        timer = setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs);
      }),
    ]);
    clearTimeout(timer);
    const before = lastSeen.get(check.name) ?? "ok";
    lastSeen.set(check.name, outcome);
    if (outcome !== before && outcome === "ok") log.info({ check: check.name }, "readiness check passes again");
    else if (outcome !== before) log.warn({ check: check.name, outcome, err }, "readiness check fails");
    return outcome;
  };

  return async () => {
    const outcomes = await Promise.all(checks.map(async (check) => [check.name, await outcomeOf(check)] as const));
    return { ready: outcomes.every(([, outcome]) => outcome === "ok"), checks: Object.fromEntries(outcomes) };
  };
}
