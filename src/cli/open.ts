import { pino } from "pino";
import { type App, openApp } from "../app.js";
import { type Config, loadConfig } from "../config.js";
import { createLog } from "../platform/log.js";

/** Opens the app for one command, hands it over, and closes it whatever happens. Logs go to standard error, warnings only unless LOG_LEVEL says otherwise. */
export async function withApp<T>(work: (app: App, signal: AbortSignal) => Promise<T>, config: Config = loadConfig()): Promise<T> {
  const log = createLog(process.env.LOG_LEVEL ? config.logLevel : "warn", pino.destination(2));
  const app = await openApp(config, log);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    return await work(app, interrupted.signal);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    await app.close();
  }
}
