import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { type App, openApp } from "../app.js";
import { type Config, loadConfig } from "../config.js";
import { TransientError } from "../errors.js";
import { firstAdminLink } from "../people/links.js";
import { logCrashes } from "../platform/crash.js";
import { asTransient } from "../platform/database.js";
import { createLog, type Log } from "../platform/log.js";
import { startService } from "../service.js";
import { tell } from "./output.js";

export const startCommand = (): Command =>
  new Command("start")
    .description("run the service until it is told to stop (SIGTERM or Ctrl-C)")
    .option("--roles <list>", "worker, relay, web, separated by commas (default: all, or ROLES)")
    .action(async ({ roles }: { roles?: string }) => {
      const config = loadConfig(roles === undefined ? process.env : { ...process.env, ROLES: roles });
      const log = createLog(config.logLevel);
      logCrashes(log);
      const stopping = nextSignal();
      const app = await openPatiently(config, log, stopping);
      if (!app) return log.info("stopped before the database answered");
      try {
        const service = await startService(app, config.roles);
        if (service.address)
          await sayWhereTheConsoleIs(app, service.address).catch((err) =>
            log.warn({ err }, "the console's address was not said"),
          );
        log.info({ signal: await stopping }, "stopping");
        await service.stop();
      } finally {
        await app.close();
      }
      log.info("stopped");
    });

/** A database that is away is waited for: longer than it takes to start again, and not so long that a wrong address goes unnoticed. */
const OPEN_WITHIN_MS = 120_000;
const OPEN_AGAIN_MS = 1_000;

/** Undefined when it is told to stop first. */
async function openPatiently(config: Config, log: Log, stopping: Promise<unknown>): Promise<App | undefined> {
  let isStopping = false;
  const stopped = stopping.then(() => {
    isStopping = true;
  });
  for (const untilMs = performance.now() + OPEN_WITHIN_MS; !isStopping; ) {
    try {
      return await openApp(config, log);
    } catch (error) {
      const err = asTransient(error);
      if (!(err instanceof TransientError) || performance.now() > untilMs) throw err;
      log.warn({ err }, "the database does not answer; trying again");
      await Promise.race([sleep(OPEN_AGAIN_MS), stopped]);
    }
  }
  return undefined;
}

/** For the person at the terminal; while there is no account yet, with the link that makes the first admin. Each start gives a new one. */
export async function sayWhereTheConsoleIs({ config, database }: App, address: string): Promise<void> {
  const at = config.publicUrl ?? address;
  const secret = await firstAdminLink(database.pool);
  tell(`Console: ${at}/`);
  if (secret) tell(`Nobody can sign in yet. This link makes the first admin, once, within a day: ${at}/welcome/${secret}`);
}

/** The first signal to stop. A second one ends the process at once. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(1));
        resolve(signal);
      });
    }
  });
}
