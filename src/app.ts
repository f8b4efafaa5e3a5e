import { setImmediate as turnOfOthers } from "node:timers/promises";
import type { PoolClient } from "pg";
import { SERVICE } from "./casework/history.js";
import type { LearnSteps } from "./casework/learn.js";
import {
  alone,
  interruptedLookBacks,
  markLookedBack,
  pastSubmissions,
  pendingLookBack,
  recordLookBack,
} from "./casework/look-back.js";
import { earlierOutcome, recordScan } from "./casework/record.js";
import type { CaseworkSettings } from "./casework/settings.js";
import { type Config, longestFetchMs } from "./config.js";
import { TransientError, UnscannableError } from "./errors.js";
import { ALGORITHM } from "./fingerprint/fingerprint-frame.js";
import { withListed } from "./fingerprint/meta-pdq.js";
import { PATCH_ALGORITHM } from "./fingerprint/patches.js";
import { createHashIndex, type HashIndex } from "./hash-index/index-tiers.js";
import { newestChange, summaries } from "./hash-index/lookup.js";
import type { Lookups } from "./hash-index/lookups.js";
import { materialOf } from "./hash-index/material.js";
import { momentsOfHits, patchesOfReference } from "./hash-index/patches.js";
import { recall } from "./hash-index/recall.js";
import { addReference, retireReference } from "./hash-index/references.js";
import { fetchMedia, fetchOptionsOf } from "./media/fetch/fetch-media.js";
import { findDecoder } from "./media/find-decoder.js";
import { readFrames } from "./media/frames.js";
import { listGroups } from "./media/groups.js";
import { probeMedia } from "./media/probe.js";
import type { Found, MediaSource, Reading } from "./model.js";
import { type Database, type Db, openDatabase } from "./platform/database.js";
import { within } from "./platform/deadline.js";
import { holdIndexStill } from "./platform/index-lock.js";
import type { Log } from "./platform/log.js";
import { migrate } from "./platform/migrate.js";
import { createQueues, type Queues } from "./platform/queues.js";
import { checkRedis } from "./platform/redis-check.js";
import { beginSpan, currentTrace, inSpan, startTracing } from "./platform/tracing.js";
import { readVersion } from "./platform/version.js";
import { type ReadSteps, type RunStage, readFingerprints } from "./read-fingerprints.js";
import { lookBack, type RegisterSteps } from "./register.js";
import { lookingOnce, type ScanSteps } from "./scan.js";
import { LEAST_PATCHES } from "./verdict/agreement.js";
import { worthACloserLook } from "./verdict/decide.js";
import { POLICY } from "./verdict/policy.js";

/** The stories with their I/O plugged in, on one database and one queue backend. */
export interface App {
  config: Config;
  log: Log;
  database: Database;
  queues: Queues;
  index: HashIndex;
  scanSteps: ScanSteps<PoolClient>;
  registerSteps: RegisterSteps;
  /**
   * Reads a file or URL that the person at the command line named: no allowed folders, no limit to public addresses. "as a worker" reads no more than
   * a part where `SCAN_KEYFRAMES_FIRST` lets a worker do so.
   */
  readLocal(media: MediaSource, how: "as a worker" | "for its hashes", signal: AbortSignal): Promise<Reading>;
  /** Reads what came in over HTTP: by the rules for a submission, and from the folder that uploads are written to. */
  readReceived(media: MediaSource, how: "all of it" | "as a reference", signal: AbortSignal): Promise<Reading>;
  /** What a caseworker's confirmation teaches the index. Past submissions are searched for it by the relay's housekeeping. */
  learnSteps: Required<LearnSteps>;
  casework: CaseworkSettings;
  /** Finishes look-backs that a crash interrupted; returns how many. */
  resumeLookBacks(signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** Opens the database (starting the embedded one if need be), brings its tables up to date and builds the steps. */
export async function openApp(config: Config, log: Log): Promise<App> {
  const database = await openDatabase(config, log);
  let stopTracing: () => Promise<void>;
  try {
    if (config.redisUrl) await checkRedis(config.redisUrl);
    await migrate(database.pool, log);
    stopTracing = await startTracing(log);
  } catch (error) {
    await database.close();
    throw error;
  }
  const queues = createQueues(config, database.connectionString, log);
  const index = createHashIndex(database.pool, indexOptions(config, database), log);
  const registerSteps = registerStepsOf(config, database, log);
  const looking = lookingInto(config, database, index);
  return {
    config,
    log,
    database,
    queues,
    index,
    scanSteps: scanStepsOf(config, database, index, looking, log),
    registerSteps,
    readLocal: localReader(config, looking, log),
    readReceived: receivedReader(config, looking, log),
    learnSteps: {
      learn: (reference, reading) => addReference(database.pool, reference, reading, ALGORITHM),
      retire: (id) => retireReference(database.pool, id, SERVICE),
    },
    casework: caseworkSettings(config),
    resumeLookBacks: (signal) => resumeLookBacks(database, registerSteps, signal),
    close: async () => {
      await queues.close();
      await database.close();
      await stopTracing();
    },
  };
}

const indexOptions = (config: Config, { connectionString }: Database) => ({
  connectionString,
  algorithm: ALGORITHM,
  patchAlgorithm: PATCH_ALGORITHM,
  inProcessFrom: config.hashIndexInProcessFrom,
});

function scanStepsOf(config: Config, { pool }: Database, index: HashIndex, looking: Looking, log: Log): ScanSteps<PoolClient> {
  return {
    earlierOutcome: (submission) => earlierOutcome(pool, submission),
    read: reader(config, log, { thrifty: true }, looking.asWorker),
    lookup: looking.lookup,
    lookupIfChanged: async (tx, reading, seenSeq) => {
      await holdIndexStill(tx);
      const newest = await newestChange(tx);
      return newest === seenSeq ? undefined : lookupAll(await index.lookupsAt(newest), tx, reading);
    },
    record: (submission, settle) => recordScan(pool, submission, caseworkSettings(config), settle),
    policy: POLICY,
    stage: traceStage,
  };
}

/** A stage is part of a scan or a request, or is not traced. */
const traceStage: RunStage = (stage, run) => (currentTrace() ? inSpan(stage, run) : run());

/** Whole pictures and parts of them, and then all that is known of the references for which something speaks, but not enough. */
async function lookupAll(lookups: Lookups, db: Db, reading: Reading): Promise<Found> {
  const { patchSets } = reading;
  const found = await lookups.lookup(db, withListed(reading), ALGORITHM, POLICY.withinBits);
  const patchHits = await lookups.lookupPatches(db, patchSets, PATCH_ALGORITHM);
  const moments = await momentsOfHits(db, patchHits, LEAST_PATCHES);
  const unknown = [...new Set(patchHits.map((h) => h.referenceId))].filter((id) => !found.references.has(id));
  const references = new Map([...found.references, ...(await summaries(db, unknown))]);
  // An index in memory may know a reference for a moment longer than the database does.
  const first = { ...found, patchHits: patchHits.filter((h) => references.has(h.referenceId)), moments, references };
  return { ...first, material: await materialOf(db, worthACloserLook(reading, first, POLICY)) };
}

function registerStepsOf(config: Config, { pool }: Database, log: Log): RegisterSteps {
  return {
    read: reader(anywhere(config), log, { thrifty: false }),
    add: (reference, reading) => addReference(pool, reference, reading, ALGORITHM),
    past: () => pastSubmissions(pool, ALGORITHM),
    recordLookBack: (past, verdict, reference) => recordLookBack(pool, past, verdict, reference, caseworkSettings(config)),
    lookedBack: (referenceId) => markLookedBack(pool, referenceId),
    rest: rests(),
    policy: POLICY,
  };
}

/** What else a process does (scans, health, the console) waits no longer than this for a look-back, and a few milliseconds. */
const LONGEST_TURN_MS = 10;

function rests(): () => Promise<void> {
  let sinceMs = performance.now();
  return async () => {
    if (performance.now() - sinceMs < LONGEST_TURN_MS) return;
    await turnOfOthers();
    sinceMs = performance.now();
  };
}

/** What the person at the command line may read: everything. */
const anywhere = (config: Config): Config => ({ ...config, mediaRoots: ["/"], mediaAllowPrivateAddresses: true });

function localReader(config: Config, looking: Looking, log: Log): App["readLocal"] {
  const asWorker = reader(anywhere(config), log, { thrifty: true }, looking.asWorker);
  const forHashes = reader(anywhere(config), log, { thrifty: true }, { recall: looking.allOfIt.recall });
  return (media, how, signal) => (how === "as a worker" ? asWorker : forHashes)(media, signal);
}

function receivedReader(config: Config, looking: Looking, log: Log): App["readReceived"] {
  const received = { ...config, mediaRoots: [...config.mediaRoots, config.mediaTmpDir] };
  const allOfIt = reader(received, log, { thrifty: true }, looking.allOfIt);
  const asReference = reader(received, log, { thrifty: false });
  return (media, how, signal) => (how === "all of it" ? allOfIt : asReference)(media, signal);
}

const caseworkSettings = (config: Config): CaseworkSettings => ({
  toolVersion: readVersion(),
  policy: POLICY,
  retentionDays: config.submissionRetentionDays,
  takedownDeadlineHours: config.takedownDeadlineHours,
  takedownAttempts: config.takedownAttempts,
});

/** A scan decodes nothing that is known byte for byte. */
const knownBytes =
  ({ pool }: Pick<Database, "pool">): ReadSteps["recall"] =>
  (sha256) =>
    recall(pool, sha256, { algorithm: ALGORITHM, patchAlgorithm: PATCH_ALGORITHM });

/** How a scan looks things up, and which of them make it read more of a video, or less. */
interface Looking {
  lookup(reading: Reading): Promise<Found>;
  /** For whoever asks about one file: all of it, and more densely what is for a person. */
  allOfIt: Partial<ReadSteps>;
  /** The same, but no more than a part where `SCAN_KEYFRAMES_FIRST` and what that shows let a worker do so. A dry run must say the same. */
  asWorker: Partial<ReadSteps>;
}

function lookingInto(config: Config, { pool }: Pick<Database, "pool">, index: HashIndex): Looking {
  const { lookup, isWorthDenser, look } = lookingOnce((reading) => lookupAll(index.lookups(), pool, reading), POLICY);
  const allOfIt = { recall: knownBytes({ pool }), isWorthDenser };
  const { scanKeyframesFirst: apart } = config;
  if (apart === "never") return { lookup, allOfIt, asWorker: allOfIt };
  return { lookup, allOfIt, asWorker: { ...allOfIt, keyframesFirst: { apart, look, anywhere: Math.random } } };
}

function reader(
  config: Config,
  log: Log,
  how: { thrifty: boolean },
  more: Partial<ReadSteps> = {},
): (media: MediaSource, signal: AbortSignal) => Promise<Reading> {
  const limits = { maxPixels: config.mediaMaxPixels, maxDurationMs: config.mediaMaxDurationMs, timeoutMs: config.scanTimeoutMs };
  return async (media, signal) => {
    const decoder = await findDecoder(config);
    const fetching = await fetchOptionsOf(config);
    const options = { ...limits, onWarning: (detail: string) => log.debug({ detail }, "read in part") };
    let isFetched = false;
    // A server that is slow, or a large file, leaves all of SCAN_TIMEOUT_MS for the scan.
    const reading = await within(longestFetchMs(config), signal, (limited, startAgain) => {
      const steps: ReadSteps = {
        fetch: async (source) => {
          const file = await fetchMedia(source, fetching, limited);
          isFetched = true;
          startAgain(config.scanTimeoutMs);
          return file;
        },
        probe: (file) => probeMedia(file, decoder, limits, limited),
        frames: (file, probe, sampling) => readFrames(file, probe, decoder, { ...options, sampling }, limited),
        groups: ({ path }, probe) => listGroups(path, probe, decoder, limits.timeoutMs, limited),
        ...more,
        stage: traceStage,
      };
      return readFingerprints(steps, media, how);
    }).catch((error: Error) => {
      if (error.name !== "TimeoutError") throw error;
      throw isFetched ? tooSlowToRead(config) : tooSlowToFetch(config);
    });
    // Pictures are hashed as they are decoded: drawn as one piece at the end of it.
    const { hash: lengthMs } = reading.timingsMs;
    if (lengthMs > 0 && currentTrace()) beginSpan("hash", { lengthMs, facts: { frames: reading.framesRead } })?.end();
    return reading;
  };
}

const tooSlowToRead = ({ scanTimeoutMs }: Config): UnscannableError =>
  new UnscannableError(`reading it takes longer than ${scanTimeoutMs / 1000} s (SCAN_TIMEOUT_MS)`);

const tooSlowToFetch = (config: Config): TransientError =>
  new TransientError(`fetching it takes longer than ${longestFetchMs(config) / 1000} s (twice FETCH_TIMEOUT_MS)`);

/** Each reference by one process: the others go on with the next. */
async function resumeLookBacks({ pool }: Database, steps: RegisterSteps, signal: AbortSignal): Promise<number> {
  let resumed = 0;
  for (const id of await interruptedLookBacks(pool)) {
    signal.throwIfAborted();
    const done = await alone(pool, id, async () => {
      const pending = await pendingLookBack(pool, id);
      if (!pending) return false;
      const known = { fingerprints: pending.fingerprints, patches: await patchesOfReference(pool, id) };
      await lookBack(steps, pending.reference, known, signal);
      return true;
    });
    if (done) resumed++;
  }
  return resumed;
}
