import { readSecret, type SecretVariable } from "../config/secret-files.js";
import { UsageError } from "../errors.js";

/** The second is for traces alone, and wins. */
const VARIABLES: SecretVariable[] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];

/**
 * What the collector wants to see, when it stands in a file; undefined otherwise, since OpenTelemetry reads the variables itself. It is handed
 * over rather than put into the environment, which children inherit.
 *
 * @throws UsageError when a file cannot be used or does not hold headers. It never quotes the content.
 */
export function headersFromFiles(env: NodeJS.ProcessEnv): Record<string, string> | undefined {
  if (!VARIABLES.some((name) => env[`${name}_FILE`])) return undefined;
  return Object.assign({}, ...VARIABLES.map((name) => headersOf(env, name)));
}

function headersOf(env: NodeJS.ProcessEnv, name: SecretVariable): Record<string, string> {
  try {
    return Object.fromEntries((readSecret(env, name) ?? "").split(",").filter(Boolean).map(pairOf));
  } catch (error) {
    const why =
      error instanceof UsageError ? error.message : `${name} must be headers such as api-key=…, several with commas between`;
    throw new UsageError(`configuration: ${why}`);
  }
}

/** As OpenTelemetry's specification has it: `name=value`, percent-encoded where need be. */
function pairOf(text: string): [string, string] {
  const [name, value] = [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)].map((part) =>
    decodeURIComponent(part.trim()),
  );
  if (!text.includes("=") || name === "") throw new Error("no header");
  // Refuses what cannot be a header.
  new Headers([[name, value]]);
  return [name, value];
}
