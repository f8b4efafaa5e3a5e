import { copyFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Option } from "commander";
import { drill, interruption, runInBuildFolder, wholeFrom } from "./support/arguments.js";
import { breakThings, checksumOf, drawFaults } from "./support/break-things.js";
import { CHECKOUT, compile } from "./support/build.js";
import { startConsumers } from "./support/consumers.js";
import { faultsOf } from "./support/faults.js";
import { startIntakeLoad } from "./support/intake-load.js";
import { report, say, timesToVerdict } from "./support/report.js";
import type { ServiceProcess } from "./support/service-process.js";
import { allReady, settle } from "./support/settle.js";
import { type DrillSite, openDrillSite } from "./support/site.js";

interface Options {
  minutes: number;
  faults: number;
  seed: number;
  backend: "redis" | "postgres";
  perSecond: number;
  dist?: string;
  keepLogs?: boolean;
}

const PROCESSES = [
  ...["worker-1", "worker-2", "worker-3"].map((name) => ({ name, roles: "worker,web" })),
  ...["relay-1", "relay-2"].map((name) => ({ name, roles: "relay,web" })),
  ...["web-1", "web-2"].map((name) => ({ name, roles: "web" })),
];

const command = drill(
  "faults",
  "breaks everything around the service under load, in random order, and checks that nothing is lost or done twice",
)
  .option("--minutes <n>", "how long faults go on", wholeFrom(1, 600), 15)
  .option("--faults <n>", "how many in that time", wholeFrom(0, 100_000), 1_000)
  .option("--seed <n>", "of the faults and their order", wholeFrom(0, 2 ** 31), 1)
  .option("--per-second <n>", "submissions", wholeFrom(1, 100), 4)
  .addOption(new Option("--backend <name>", "where the queues are").choices(["redis", "postgres"]).default("redis"))
  .option("--dist <folder>", "a compiled version to test; default: this checkout, compiled")
  .option("--keep-logs", "leave the logs of the processes where they are, and say where");

const interrupted = interruption();

async function runDrill(options: Options, folder: string): Promise<boolean> {
  const { backend, seed, perSecond } = options;
  const command = options.dist
    ? [process.execPath, join(options.dist, "main.js")]
    : await compile(CHECKOUT, join(folder, "build"));
  const site = await openDrillSite(backend, command);
  const processes: ServiceProcess[] = [];
  try {
    for (const { name, roles } of PROCESSES) processes.push(await site.start(name, roles, command));
    await allReady(processes, interrupted);
    const addresses = processes.map(({ address }) => address);
    const consumers = startConsumers(site, addresses);
    const load = await startIntakeLoad(site, addresses, perSecond);
    const drawn = drawFaults(faultsOf(site, processes), options.faults, seed);
    const happened = await breakThings(drawn, options.minutes * 60_000, seed, interrupted);
    say(`${happened.length} faults have happened; everything is let run dry`);
    const broken = await settle(site, processes, load, consumers, interrupted);
    return report(options, {
      ...{ happened, order: checksumOf(drawn), broken, load, consumers },
      times: await timesToVerdict(site, load.accepted),
      deaths: processes.flatMap((process) => process.deaths()),
    });
  } finally {
    await Promise.all(processes.map((process) => process.killForGood()));
    if (options.keepLogs) keepLogs(site, processes);
    await site.close();
  }
}

function keepLogs(site: DrillSite, processes: ServiceProcess[]): void {
  const to = mkdtempSync(join(tmpdir(), "reupload-drill-logs-"));
  for (const { name } of processes) copyFileSync(join(site.folder, `${name}.log`), join(to, `${name}.log`));
  say(`logs: ${to}`);
}

runInBuildFolder(command, runDrill);
