/**
 * `node scripts/capacity.mjs index.json scan.json load.json`: how many machines a number of known hashes and of submissions a day asks for,
 * as a table in Markdown, from what `bench index --json`, `bench scan --workers … --json` and `bench load --json` printed.
 *
 * Every figure is one of theirs, or one of the assumptions below; what lies beyond the largest index that was measured is the fitted power
 * carried on, and is marked.
 */
import { readFile } from "node:fs/promises";

/** A machine that can be rented anywhere, and how much of it is used at the busiest hour. */
const MACHINE = { cores: 16, memoryBytes: 128e9, diskBytes: 2e12 };
const BUSY_SHARE = 0.6;

/** The busiest hour has so many times the average. */
const PEAK = 2;

/** Of memory, what is left for the processes, ffmpeg and the system's cache. */
const INDEX_SHARE = 0.6;

/** The program's default, SUBMISSION_RETENTION_DAYS. */
const RETENTION_DAYS = 365;

const DAY_S = 86_400;
const VIEWS = 8;
const HASHES = [1e6, 1e7, 1e8, 1e9];
const SUBMISSIONS_A_DAY = [1e4, 1e5, 1e6, 1e7];

async function readReport(place, command) {
  const path = process.argv[place];
  if (!path)
    throw new Error(
      `name three files: what bench index, bench scan --workers 1 and bench load print with --json; ${command} is missing`,
    );
  const text = await readFile(path, "utf8");
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${path}: is not what ${command} --json prints`);
  }
}

/** Of all but the queues' tables, which have a schema in their names: jobs that are done are kept for a day. */
const keptBytes = (tables) => tables.filter(({ table }) => !table.includes(".")).reduce((sum, { bytes }) => sum + bytes, 0);

/** A report of another version, or of a run without an option, lacks figures: a table of what is no number would be worse than none. */
function withoutGaps(costs) {
  const missing = Object.keys(costs).filter((name) => !Number.isFinite(costs[name]));
  if (missing.length === 0) return costs;
  throw new Error(
    `the reports do not say ${missing.join(", ")}; they must be of bench index --postgres, bench scan --workers 1 and bench load, all with --json`,
  );
}

/** What the three reports say, for one submission of their mix. */
function costsOf(index, scan, load) {
  const largest = index.inMemory?.at(-1) ?? {};
  const { submissions, runs } = scan.throughput ?? {};
  const { cpu = {}, fingerprintsPerSubmission } = runs?.[0] ?? {};
  const grown = keptBytes(load.after ?? []) - keptBytes(load.before ?? []);
  return withoutGaps({
    measuredHashes: largest.hashes,
    lookupsPerCpuS: largest.perCpuS,
    exponent: index.exponent,
    memoryPerHash: largest.bytesPerHash,
    diskPerHash: index.postgres?.bytesPerHash.all,
    /** Reading, judging and recording. Looking up is counted by hashes, above; here it was among few. */
    workerCpuS: (cpu.decodersMs + cpu.workersMs) / 1000 / submissions,
    /** Recording and the queue, of hash-only submissions looked up in memory. */
    databaseCpuS: load.cpu?.databaseMs / 1000 / load.submissions,
    diskPerSubmission: grown / load.submissions,
    hashesAsked: VIEWS * fingerprintsPerSubmission,
  });
}

/** Machines for so many known hashes and submissions a day. */
function machinesFor(costs, hashes, submissionsADay) {
  const perS = (PEAK * submissionsADay) / DAY_S;
  const lookupsPerS = perS * costs.hashesAsked;
  const lookupsPerCpuS = costs.lookupsPerCpuS * (costs.measuredHashes / hashes) ** costs.exponent;
  const lookupCores = lookupsPerS / lookupsPerCpuS;
  const workerCores = perS * costs.workerCpuS;
  const usable = MACHINE.cores * BUSY_SHARE;
  const indexBytes = hashes * costs.memoryPerHash;
  // An index that fits no machine is divided by hash of reference id; each part is asked every lookup.
  const parts = Math.max(1, Math.ceil(indexBytes / (MACHINE.memoryBytes * INDEX_SHARE)));
  // Half the hashes do not halve the cost of a lookup: every part costs what its own number of hashes does.
  const partedCores = lookupCores * parts ** (1 - costs.exponent);
  const workers = Math.max(parts, Math.ceil((workerCores + partedCores) / usable));
  const diskBytes = hashes * costs.diskPerHash + submissionsADay * RETENTION_DAYS * costs.diskPerSubmission;
  const databases = Math.max(Math.ceil((perS * costs.databaseCpuS) / usable), Math.ceil(diskBytes / MACHINE.diskBytes));
  return { lookupsPerS, indexBytes, parts, workerCores, lookupCores: partedCores, workers, databases, diskBytes };
}

function tableOf(costs) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const header = ["known hashes", "index in memory", ...SUBMISSIONS_A_DAY.map((n) => `${count(n)} a day`)];
  const asked = SUBMISSIONS_A_DAY.map((n) => `${count(machinesFor(costs, HASHES[0], n).lookupsPerS)}/s`);
  const rows = HASHES.map((hashes) => {
    const cells = SUBMISSIONS_A_DAY.map((n) => machinesFor(costs, hashes, n));
    const { indexBytes, parts } = cells[0];
    return [
      `${count(hashes)}${hashes > costs.measuredHashes ? " *" : ""}`,
      `${figure(indexBytes / 1e9)} GB${parts > 1 ? ` in ${parts} parts` : ""}`,
      ...cells.map(
        (m) =>
          `${m.workers} + ${m.databases} (${figure(m.workerCores)} + ${figure(m.lookupCores)}; ${figure(m.diskBytes / 1e12)} TB)`,
      ),
    ];
  });
  return [line(header), line(header.map(() => "---")), line(["lookups at the peak", "", ...asked]), ...rows.map(line)].join("\n");
}

/** Two digits that count. */
const figure = (n) => Number(n.toPrecision(2)).toLocaleString("en", { maximumSignificantDigits: 2 });
const count = (n) => (n >= 1e9 ? `${figure(n / 1e9)} G` : n >= 1e6 ? `${figure(n / 1e6)} M` : figure(n));

function assumptions(costs) {
  return (
    `Worker + database machines (cores that scan + that look up; disk). A machine: ${MACHINE.cores} cores, ${MACHINE.memoryBytes / 1e9} GB, ${MACHINE.diskBytes / 1e12} TB, ${100 * BUSY_SHARE} % busy at the peak, which is ` +
    `${PEAK} times the average. Measured: ${costs.workerCpuS.toFixed(2)} CPU s of workers and ${(1000 * costs.databaseCpuS).toFixed(0)} CPU ms of the database a ` +
    `submission, ${costs.hashesAsked.toFixed(0)} lookups a submission, ${Math.round(costs.lookupsPerCpuS).toLocaleString("en")} lookups a CPU second at ` +
    `${count(costs.measuredHashes)} hashes, falling with their number to the power of ${costs.exponent.toFixed(2)}; ${(costs.diskPerSubmission / 1000).toFixed(1)} kB of disk a ` +
    `submission, kept ${RETENTION_DAYS} days. * beyond what was measured.`
  );
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  try {
    const costs = costsOf(
      await readReport(2, "bench index"),
      await readReport(3, "bench scan"),
      await readReport(4, "bench load"),
    );
    process.stdout.write(`${tableOf(costs)}\n\n${assumptions(costs)}\n`);
  } catch (error) {
    process.stderr.write(`capacity: ${error.message}\n`);
    process.exitCode = 1;
  }
}
