import { Command } from "commander";
import { type App, openApp } from "../app.js";
import { loadConfig } from "../config.js";
import { firstAdminLink } from "../people/links.js";
import { createLog } from "../platform/log.js";
import { startService } from "../service.js";
import { tell } from "./output.js";

export const startCommand = (): Command =>
  new Command("start")
    .description("run the service until it is told to stop (SIGTERM or Ctrl-C)")
    .option("--roles <list>", "worker, relay, web, separated by commas (default: all, or ROLES)")
    .action(async ({ roles }: { roles?: string }) => {
      const config = loadConfig(roles === undefined ? process.env : { ...process.env, ROLES: roles });
      const log = createLog(config.logLevel);
      const stopping = nextSignal();
      const app = await openApp(config, log);
      try {
        const service = await startService(app, config.roles);
        if (service.address) await sayWhereTheConsoleIs(app, service.address);
        log.info({ signal: await stopping }, "stopping");
        await service.stop();
      } finally {
        await app.close();
      }
      log.info("stopped");
    });

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
