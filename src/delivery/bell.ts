import pg from "pg";
import { pause } from "../platform/deadline.js";
import type { Log } from "../platform/log.js";

export interface Bell {
  /** Resolves when it rings, when `ms` have passed, or when `signal` aborts, whichever is first. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** Rings from this side. */
  ring(): void;
  close(): Promise<void>;
}

/** Rings when a transaction that notified `channel` commits, also between two waits. Without a connection, `wait` just waits. */
export function listen(connectionString: string, channel: string, log: Log): Bell {
  let rung = false;
  let wake = () => {};
  let client: pg.Client | undefined;
  const ring = () => {
    rung = true;
    wake();
  };
  const connect = async () => {
    const fresh = new pg.Client({ connectionString, application_name: "reupload-relay", connectionTimeoutMillis: 15_000 });
    fresh.on("notification", ring);
    fresh.on("error", () => {
      client = undefined;
    });
    try {
      await fresh.connect();
      await fresh.query(`listen ${channel}`);
      client = fresh;
    } catch (error) {
      await fresh.end().catch(() => {});
      throw error;
    }
  };
  return {
    async wait(ms, signal) {
      if (!client) await connect().catch((err) => log.debug({ err, channel }, "not listening"));
      if (!rung) {
        const quiet = pause(ms, signal);
        wake = quiet.end;
        await quiet.over;
      }
      rung = false;
    },
    ring,
    async close() {
      await client?.end().catch(() => {});
    },
  };
}
