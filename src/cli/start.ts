import { Command } from "commander";
import { openApp } from "../app.js";
import { loadConfig } from "../config.js";
import { createLog } from "../platform/log.js";
import { startService } from "../service.js";

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
        log.info({ signal: await stopping }, "stopping");
        await service.stop();
      } finally {
        await app.close();
      }
      log.info("stopped");
    });

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
