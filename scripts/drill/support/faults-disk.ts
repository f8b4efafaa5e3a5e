import { rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { between, type Fault } from "./fault.js";
import { startAgain } from "./faults-postgres.js";
import type { DrillSite } from "./site.js";

/** Only small disks are filled: never one that others use. */
export function diskFaults(site: DrillSite): Fault[] {
  if (!site.disks.areSmall) return [];
  const fill = (folder: string) => async (random: () => number) => {
    const path = join(folder, "filler");
    await fillDisk(path);
    await sleep(between(random, 1_000, 3_000));
    rmSync(path, { force: true });
  };
  return [
    {
      ...{ name: "the database's disk full", target: "the database server", weight: 3 },
      happen: async (random) => {
        await fill(site.disks.database)(random);
        await startAgain(site);
      },
    },
    { name: "the disk for media full", target: "the disk for media", weight: 5, happen: fill(site.disks.media) },
  ];
}

async function fillDisk(path: string): Promise<void> {
  writeFileSync(path, "");
  const file = await open(path, "a");
  try {
    for (let bytes = 1024 * 1024; bytes >= 4096; ) {
      try {
        await file.write(Buffer.alloc(bytes));
      } catch {
        bytes /= 2;
      }
    }
  } finally {
    await file.close();
  }
}
