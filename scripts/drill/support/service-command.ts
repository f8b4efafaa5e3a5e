import { fileURLToPath } from "node:url";

const LOADER = fileURLToPath(new URL("../../../test/support/typescript.mjs", import.meta.url));
const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

/** The command line that is `reupload` here, from the sources as they are. */
export const REUPLOAD = [process.execPath, "--import", LOADER, MAIN];
