import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { UsageError } from "./errors.js";

export const ROLES = ["worker", "relay", "web"] as const;
export type Role = (typeof ROLES)[number];

const HOUR_MS = 3_600_000;

const whole = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be from ${min} to ${max}`);

const flag = z.enum(["0", "1"], "must be 0 or 1").transform((v) => v === "1");

const urlOf = (...schemes: string[]) =>
  z
    .string()
    .refine((v) => schemes.some((s) => v.startsWith(`${s}://`)), `must start with ${schemes.map((s) => `${s}://`).join(" or ")}`);

const roles = z
  .string()
  .transform((v) => v.split(",").map((r) => r.trim()))
  .pipe(z.array(z.enum(ROLES, `must be some of ${ROLES.join(", ")}, separated by commas`)).nonempty());

function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (process.getuid?.() === 0) return "/var/lib/reupload";
  return join(env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "reupload");
}

/** The table in the README lists these in this order; a test holds the two together. */
const schema = z.object({
  REUPLOAD_DATA_DIR: z.string().transform((p) => resolve(p)),
  DATABASE_URL: urlOf("postgres", "postgresql").optional(),
  DATABASE_POOL: whole(2, 200).default(10),
  REDIS_URL: urlOf("redis", "rediss").optional(),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/, "must be 1-32 lower-case letters, digits or underscores")
    .default("reupload"),
  ROLES: roles.default([...ROLES]),
  MEDIA_ROOTS: z.string().transform((v) =>
    v
      .split(":")
      .filter(Boolean)
      .map((p) => resolve(p)),
  ),
  MEDIA_TMP_DIR: z.string().transform((p) => resolve(p)),
  MEDIA_ALLOW_PRIVATE_ADDRESSES: flag.default(false),
  MEDIA_MAX_BYTES: whole(1).default(4 * 1024 ** 3),
  MEDIA_MAX_PIXELS: whole(1).default(50_000_000),
  MEDIA_MAX_DURATION_MS: whole(1000).default(12 * HOUR_MS),
  FETCH_TIMEOUT_MS: whole(100).default(15 * 60_000),
  SCAN_TIMEOUT_MS: whole(100).default(30 * 60_000),
  FFMPEG_PATH: z.string().optional(),
  WORKER_CONCURRENCY: whole(1, 256).default(2),
  WORKER_ATTEMPTS: whole(1, 100).default(5),
  WORKER_BACKOFF_MS: whole(1).default(5_000),
  WORKER_LOCK_MS: whole(1_000).default(30_000),
  SHUTDOWN_GRACE_MS: whole(0).default(25_000),
  SUBMISSION_RETENTION_DAYS: whole(1, 36_500).default(365),
  TAKEDOWN_DEADLINE_HOURS: whole(1, 8_760).default(24),
  HASH_INDEX_IN_PROCESS_FROM: z.union([z.literal("never"), whole(0)], "must be a whole number, or never").default(1_000_000),
  HTTP_HOST: z.string().default("127.0.0.1"),
  HTTP_PORT: whole(0, 65_535).default(8080),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
});

/** All names are in {@link CONFIG_VARIABLES}; the README's table explains each. */
export type Config = {
  dataDir: string;
  databaseUrl?: string;
  databasePool: number;
  redisUrl?: string;
  queuePrefix: string;
  roles: Role[];
  mediaRoots: string[];
  mediaTmpDir: string;
  mediaAllowPrivateAddresses: boolean;
  mediaMaxBytes: number;
  mediaMaxPixels: number;
  mediaMaxDurationMs: number;
  fetchTimeoutMs: number;
  scanTimeoutMs: number;
  ffmpegPath?: string;
  workerConcurrency: number;
  workerAttempts: number;
  workerBackoffMs: number;
  workerLockMs: number;
  shutdownGraceMs: number;
  submissionRetentionDays: number;
  takedownDeadlineHours: number;
  hashIndexInProcessFrom: number | "never";
  httpHost: string;
  httpPort: number;
  logLevel: string;
};

export const CONFIG_VARIABLES = Object.keys(schema.shape);

const camel = (name: string) =>
  name
    .toLowerCase()
    .replace(/^reupload_/, "")
    .replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());

/**
 * Reads the environment once. An empty variable counts as unset.
 *
 * @throws UsageError one message that names every bad variable and what it must be.
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given: Record<string, string> = {
    REUPLOAD_DATA_DIR: defaultDataDir(env),
    MEDIA_ROOTS: process.cwd(),
    MEDIA_TMP_DIR: tmpdir(),
  };
  for (const name of CONFIG_VARIABLES) {
    const value = env[name];
    if (value !== undefined && value !== "") given[name] = value;
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((i) => `${String(i.path[0])} ${i.message}`);
    throw new UsageError(`configuration: ${[...new Set(problems)].join("; ")}`);
  }
  return Object.fromEntries(Object.entries(parsed.data).map(([k, v]) => [camel(k), v])) as Config;
}
