import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Option } from "commander";
import { drill, interruption, runInBuildFolder, wholeFrom } from "./support/arguments.js";
import { CHECKOUT, checkOut, compile, run } from "./support/build.js";
import { startConsumers } from "./support/consumers.js";
import { startIntakeLoad } from "./support/intake-load.js";
import { report, say, timesToVerdict } from "./support/report.js";
import type { ServiceProcess } from "./support/service-process.js";
import { allReady, settle } from "./support/settle.js";
import { openDrillSite } from "./support/site.js";

interface Options {
  from?: string;
  backend: "redis" | "postgres";
  perSecond: number;
  seconds: number;
}

const PROCESSES = [
  ...["worker-1", "worker-2"].map((name) => ({ name, roles: "worker,web" })),
  { name: "relay-1", roles: "relay,web" },
  { name: "web-1", roles: "web" },
];

/** Intake that is on the queue itself would write into a table that the older version may not have. */
const NOBODY_NEAR = Number.MAX_SAFE_INTEGER;

const interrupted = interruption();

const command = drill(
  "upgrade",
  "replaces an older version by this one under load, and checks that nothing is lost or done twice",
)
  .option("--from <revision>", "the older version; default: the last commit before this one that changed src")
  .option("--seconds <n>", "how long each part of it lasts", wholeFrom(5, 600), 20)
  .option("--per-second <n>", "submissions", wholeFrom(1, 100), 4)
  .addOption(new Option("--backend <name>", "where the queues are").choices(["redis", "postgres"]).default("redis"));

async function runDrill(options: Options, folder: string): Promise<boolean> {
  const { backend, perSecond, seconds } = options;
  const from =
    options.from ?? (await run("git", ["-C", CHECKOUT, "log", "--first-parent", "-n1", "--format=%h", "HEAD^", "--", "src"]));
  await checkOut(from, join(folder, "old"));
  const older = await compile(join(folder, "old"), join(folder, "old"));
  const newer = await compile(CHECKOUT, join(folder, "new"));
  const site = await openDrillSite(backend, older, { SHUTDOWN_GRACE_MS: "5000" });
  const processes: ServiceProcess[] = [];
  const start = async (version: string, command: string[]) => {
    const started = await Promise.all(PROCESSES.map(({ name, roles }) => site.start(`${version}-${name}`, roles, command)));
    processes.push(...started);
    return started;
  };
  try {
    const old = await start("old", older);
    await allReady(old, interrupted);
    const addresses = old.filter(({ name }) => name.includes("web")).map(({ address }) => address);
    const consumers = startConsumers(site, addresses);
    const load = await startIntakeLoad(site, addresses, perSecond, NOBODY_NEAR);
    const work = async (what: string) => {
      say(what);
      await sleep(1_000 * seconds, undefined, { signal: interrupted });
    };
    await work(`${from} works`);
    await run(newer[0], [...newer.slice(1), "migrate"], { env: { ...process.env, ...site.env } });
    await work("the tables are this version's; the older one goes on");
    const young = await start("new", newer);
    await allReady(young, interrupted);
    addresses.push(...young.filter(({ name }) => name.includes("web")).map(({ address }) => address));
    await work("both versions work side by side");
    const ends: string[] = [];
    for (const each of old) {
      ends.push(`${each.name}: ${await each.stop()}`);
      processes.splice(processes.indexOf(each), 1);
      await sleep(1_000);
    }
    say(`the older one has stopped: ${ends.join(", ")}`);
    await work("this version works alone");
    const broken = await settle(site, processes, load, consumers, interrupted);
    const notClean = ends.filter((end) => !end.endsWith(": 0"));
    if (notClean.length > 0)
      broken["the older version did not stop with exit code 0"] = { times: notClean.length, such: notClean };
    const times = await timesToVerdict(site, load.accepted);
    return report(
      { from, ...options },
      { happened: [], broken, load, consumers, times, deaths: processes.flatMap((p) => p.deaths()) },
    );
  } finally {
    await Promise.all(processes.map((process) => process.killForGood()));
    await site.close();
  }
}

runInBuildFolder(command, runDrill);
