import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { readSecret, SECRET_VARIABLES } from "./config/secret-files.js";
import { addresses, cipherKeys, flag, issuer, mailAddresses, origin, ports, timeZone, urlOf, whole } from "./config/values.js";
import { UsageError } from "./errors.js";

export const ROLES = ["worker", "relay", "web"] as const;
export type Role = (typeof ROLES)[number];

const HOUR_MS = 3_600_000;

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
  MEDIA_PORTS: ports.default([80, 443, 8080, 8443]),
  MEDIA_MAX_BYTES: whole(1).default(4 * 1024 ** 3),
  MEDIA_MAX_PIXELS: whole(1).default(50_000_000),
  MEDIA_MAX_DURATION_MS: whole(1000).default(12 * HOUR_MS),
  FETCH_TIMEOUT_MS: whole(100).default(15 * 60_000),
  PAGE_FETCHER: z.enum(["off", "yt-dlp"], "must be off or yt-dlp").default("off"),
  YT_DLP_PATH: z.string().optional(),
  SCAN_TIMEOUT_MS: whole(100).default(30 * 60_000),
  SCAN_KEYFRAMES_FIRST: z.enum(["never", "close", "far"], "must be never, close or far").default("close"),
  FFMPEG_PATH: z.string().optional(),
  MEDIA_SANDBOX: z
    .enum(["auto", "bubblewrap", "namespaces", "limits", "none"], "must be auto, bubblewrap, namespaces, limits or none")
    .default("auto"),
  MEDIA_MAX_MEMORY_BYTES: whole(512 * 1024 ** 2).default(2 * 1024 ** 3),
  WORKER_CONCURRENCY: whole(1, 256).default(2),
  WORKER_ATTEMPTS: whole(1, 100).default(5),
  WORKER_BACKOFF_MS: whole(1).default(5_000),
  WORKER_LOCK_MS: whole(1_000).default(30_000),
  SHUTDOWN_GRACE_MS: whole(0).default(25_000),
  SUBMISSION_RETENTION_DAYS: whole(1, 36_500).default(365),
  TAKEDOWN_DEADLINE_HOURS: whole(1, 8_760).default(24),
  TAKEDOWN_ATTEMPTS: whole(1, 100).default(5),
  NOTICE_SENDER: z.string().max(1_000, "may have 1000 characters").optional(),
  CONSOLE_PREVIEW: z.enum(["off", "tiles"], "must be off or tiles").default("off"),
  CONSOLE_TIME_ZONE: timeZone.default("UTC"),
  SMTP_URL: urlOf("smtp", "smtps").optional(),
  MAIL_FROM: z.email("must be an e-mail address").optional(),
  DIGEST_TO: mailAddresses.optional(),
  DIGEST_HOUR: whole(0, 23).default(7),
  DIGEST_LANGUAGE: z.enum(["en", "sq"], "must be en or sq").default("en"),
  WEBHOOK_KEY: cipherKeys.default([]),
  HASH_INDEX_IN_PROCESS_FROM: z.union([z.literal("never"), whole(0)], "must be a whole number, or never").default(0),
  HTTP_HOST: z.string().default("127.0.0.1"),
  HTTP_PORT: whole(0, 65_535).default(8080),
  HTTP_TRUSTED_PROXIES: addresses.default([]),
  PUBLIC_URL: origin.optional(),
  COOKIE_SECURE: z.enum(["auto", "0", "1"], "must be auto, 0 or 1").default("auto"),
  OIDC_ISSUER: issuer.optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_ROLE_CLAIM: z.string().optional(),
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
  /** Of public addresses that media is fetched from. */
  mediaPorts: number[];
  mediaMaxBytes: number;
  mediaMaxPixels: number;
  mediaMaxDurationMs: number;
  fetchTimeoutMs: number;
  pageFetcher: "off" | "yt-dlp";
  ytDlpPath?: string;
  scanTimeoutMs: number;
  /** How far apart the keyframes of a video may be so that they alone are read of it, where they show nothing known; "never" reads all of every video. */
  scanKeyframesFirst: "never" | "close" | "far";
  ffmpegPath?: string;
  mediaSandbox: "auto" | "bubblewrap" | "namespaces" | "limits" | "none";
  mediaMaxMemoryBytes: number;
  workerConcurrency: number;
  workerAttempts: number;
  workerBackoffMs: number;
  workerLockMs: number;
  shutdownGraceMs: number;
  submissionRetentionDays: number;
  takedownDeadlineHours: number;
  takedownAttempts: number;
  /** Who signs letters to platforms: name, organisation, address. */
  noticeSender?: string;
  consolePreview: "off" | "tiles";
  /** IANA name, such as "Europe/Tirane". */
  consoleTimeZone: string;
  smtpUrl?: string;
  mailFrom?: string;
  digestTo?: string[];
  digestHour: number;
  digestLanguage: "en" | "sq";
  /** What encrypts webhooks' secrets first; those after it still decrypt. */
  webhookKey: Buffer[];
  hashIndexInProcessFrom: number | "never";
  httpHost: string;
  httpPort: number;
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  httpTrustedProxies: string[];
  /** Such as "https://reupload.example.org": no path, no slash at the end. */
  publicUrl?: string;
  cookieSecure: "auto" | "0" | "1";
  oidcIssuer?: string;
  oidcClientId?: string;
  oidcClientSecret?: string;
  oidcRoleClaim?: string;
  logLevel: string;
};

export const CONFIG_VARIABLES = Object.keys(schema.shape);

const camel = (name: string) =>
  name
    .toLowerCase()
    .replace(/^reupload_/, "")
    .replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());

/** Puts what secrets' files hold into `given`; returns what is wrong with them. */
function readSecrets(env: NodeJS.ProcessEnv, given: Record<string, string>): string[] {
  const problems: string[] = [];
  for (const name of SECRET_VARIABLES.filter((secret) => CONFIG_VARIABLES.includes(secret))) {
    try {
      const value = readSecret(env, name);
      if (value !== undefined) given[name] = value;
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return problems;
}

/**
 * How long fetching may take at most: a page that turns out to be one is fetched again by the page fetcher, and each has its time.
 */
export const longestFetchMs = ({ fetchTimeoutMs }: Pick<Config, "fetchTimeoutMs">): number => 2 * fetchTimeoutMs;

/** How long one attempt at a submission may take at most, in milliseconds: fetching, and then all the rest. */
export const longestScanMs = (config: Pick<Config, "fetchTimeoutMs" | "scanTimeoutMs">): number =>
  longestFetchMs(config) + config.scanTimeoutMs;

/**
 * Reads the environment once. An empty variable counts as unset; secrets may be in files ({@link readSecret}).
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
  const problems = readSecrets(env, given);
  const parsed = schema.safeParse(given);
  if (!parsed.success) problems.push(...parsed.error.issues.map((i) => `${String(i.path[0])} ${i.message}`));
  if (!parsed.success || problems.length > 0) throw new UsageError(`configuration: ${[...new Set(problems)].join("; ")}`);
  const { OIDC_ISSUER, OIDC_CLIENT_ID, PUBLIC_URL, SMTP_URL, MAIL_FROM, DIGEST_TO } = parsed.data;
  if (DIGEST_TO !== undefined && (SMTP_URL === undefined || MAIL_FROM === undefined))
    throw new UsageError("configuration: DIGEST_TO needs SMTP_URL, the mail server, and MAIL_FROM, the sender");
  if (OIDC_ISSUER !== undefined && (OIDC_CLIENT_ID === undefined || PUBLIC_URL === undefined))
    throw new UsageError("configuration: OIDC_ISSUER needs OIDC_CLIENT_ID, and PUBLIC_URL for the way back");
  return Object.fromEntries(Object.entries(parsed.data).map(([k, v]) => [camel(k), v])) as Config;
}
