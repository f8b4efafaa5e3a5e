import { type Bindings, type ChildLoggerOptions, type DestinationStream, type Logger, pino } from "pino";
import { hideInText, hideQuoted, isDataException, QUOTING_FIELDS } from "./redact.js";
import { traceFields } from "./tracing.js";

export type Log = Logger;

/** Values under these keys never reach a line above debug, at any depth. */
export const HIDDEN_KEYS = [
  "url",
  "pageUrl",
  "mediaUrl",
  "uploader",
  "sha256",
  "pdq",
  "blockhash",
  "hash",
  "password",
  "token",
  "cookie",
  "connectionString",
  "secret",
  "secrets",
  "clientSecret",
  "oidcClientSecret",
  "apiKey",
  "email",
  "metadata",
  "smtpUrl",
  "mailFrom",
  "digestTo",
  "databaseUrl",
  "redisUrl",
  "authorization",
] as const;

const HIDDEN = "[hidden]";
const DEBUG = 20;
const hiddenKeys = new Set<string>(HIDDEN_KEYS.map((key) => key.toLowerCase()));

/** An error's own facts. The objects that libraries hang on it (a `pg` client, a response) are not for the log. */
function describe(error: Error): Record<string, unknown> {
  const fromPostgres = "severity" in error;
  const facts = Object.entries(error).filter(
    ([name, value]) => (value === null || typeof value !== "object") && !(fromPostgres && QUOTING_FIELDS.has(name)),
  );
  const cause = error.cause instanceof Error ? { cause: describe(error.cause) } : {};
  const own = { type: error.name, message: error.message, stack: error.stack, ...Object.fromEntries(facts), ...cause };
  return isDataException(error) ? { ...own, message: hideQuoted(error.message), stack: hideQuoted(error.stack ?? "") } : own;
}

function hideField(key: string, value: unknown, depth: number): unknown {
  return hiddenKeys.has(key.toLowerCase()) && value !== undefined && value !== null ? HIDDEN : hide(value, depth + 1);
}

function hide(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return hideInText(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array || depth > 8) return HIDDEN;
  if (value instanceof URL) return HIDDEN;
  if (value instanceof Error) return hide(describe(value), depth);
  if (Array.isArray(value)) return value.map((item) => hide(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, hideField(key, field, depth)]));
}

function hideLine(line: unknown[]): unknown[] {
  const [first, ...rest] = line;
  if (!(first instanceof Error)) return line.map((part) => hide(part));
  const message = rest.length > 0 ? rest : [first.message];
  return [{ err: hide(first) }, ...message.map((part) => hide(part))];
}

/** A child's bindings go out with lines of every level, so they are hidden once, when the child is made. */
function hideBindings(log: Logger): Logger {
  const child = log.child as unknown as (this: Logger, bindings: Bindings, options?: ChildLoggerOptions) => Logger;
  const hiding = function (this: Logger, bindings: Bindings, options?: ChildLoggerOptions) {
    return child.call(this, hide(bindings) as Bindings, options);
  };
  log.child = hiding as unknown as Logger["child"];
  return log;
}

/**
 * A JSON Lines log, with times in ISO 8601. Above debug, media URLs, hashes, uploaders and secrets are replaced
 * by "[hidden]", whether they are fields ({@link HIDDEN_KEYS}), part of a message, or inside an error.
 *
 * @param destination standard output unless given.
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  const log = pino(
    {
      level,
      base: undefined,
      mixin: traceFields,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      serializers: { err: (value: unknown) => (value instanceof Error ? describe(value) : value) },
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        logMethod(line, method, lineLevel) {
          const shown = lineLevel > DEBUG ? hideLine(line) : line;
          return method.apply(this, shown as Parameters<typeof method>);
        },
      },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  );
  return hideBindings(log);
}
