import { readFileSync } from "node:fs";
import { UsageError } from "../errors.js";

/**
 * Variables whose value opens something. Each may be given as a file instead, named by the variable with `_FILE` after it, as Docker and
 * Kubernetes hand out secrets: an environment is shown by `docker inspect`, and inherited by every child.
 */
export const SECRET_VARIABLES = [
  "DATABASE_URL",
  "REDIS_URL",
  "SMTP_URL",
  "OIDC_CLIENT_SECRET",
  "WEBHOOK_KEY",
  "NCMEC_USER",
  "NCMEC_PASSWORD",
  "STOPNCII_FUNCTIONS_KEY",
  "STOPNCII_SUBSCRIPTION_KEY",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
] as const;

export type SecretVariable = (typeof SECRET_VARIABLES)[number];

/** Larger than any secret; the file is something else. */
const MAX_CHARACTERS = 65_536;

/**
 * The value of a secret: of the variable, or of the file that `<name>_FILE` names, without the line break at its end. Undefined when
 * neither is set; an empty variable counts as unset.
 *
 * @throws UsageError when both are set, or when the file cannot be read, is empty or has several lines. It never quotes the content.
 */
export function readSecret(env: NodeJS.ProcessEnv, name: SecretVariable): string | undefined {
  const value = env[name] || undefined;
  const path = env[`${name}_FILE`] || undefined;
  if (path === undefined) return value;
  if (value !== undefined) throw new UsageError(`${name} and ${name}_FILE are both set: set one of them`);
  const text = contentOf(path, `${name}_FILE`).replace(/\r?\n$/, "");
  if (text === "") throw new UsageError(`${name}_FILE: ${path} is empty`);
  if (/[\r\n]/.test(text) || text.length > MAX_CHARACTERS)
    throw new UsageError(`${name}_FILE: ${path} must hold the secret on one line and nothing else`);
  return text;
}

function contentOf(path: string, variable: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "does not exist" : code === "EISDIR" ? "is a folder" : `cannot be read (${code})`;
    throw new UsageError(`${variable}: ${path} ${reason}`);
  }
}

/** An environment in which no secret is set, in either form: for whoever must not touch what the installation uses. */
export const withoutSecrets = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const closed = new Set<string>(SECRET_VARIABLES.flatMap((name) => [name, `${name}_FILE`]));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !closed.has(name)));
};
