/** `npm run build`: packages installed and sources compiled into dist, if they are not already. */
import { SetupError, setUp } from "./setup.mjs";

try {
  await setUp({ compiled: true });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
