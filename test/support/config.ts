import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Config, loadConfig } from "../../src/config.js";
import { temporaryDir } from "./temporary-dir.js";

/** A configuration as `loadConfig` reads it from these variables, with data, media and temporary files in a new folder. */
export function testConfig(variables: NodeJS.ProcessEnv = {}): Config {
  const { path } = temporaryDir();
  for (const name of ["data", "media", "tmp"]) mkdirSync(join(path, name), { mode: 0o755 });
  return loadConfig({
    REUPLOAD_DATA_DIR: join(path, "data"),
    MEDIA_ROOTS: join(path, "media"),
    MEDIA_TMP_DIR: join(path, "tmp"),
    LOG_LEVEL: "warn",
    HTTP_PORT: "0",
    ...variables,
  });
}
