import { Command, CommanderError } from "commander";
import { readVersion } from "../platform/version.js";
import { complain, exitCodeOf, type SetExitCode } from "./output.js";

/** In the order of the help. Only the one that is asked for is loaded: all of them with all they use take seconds on a small machine. */
const COMMANDS: Record<string, () => Promise<(setExitCode: SetExitCode) => Command>> = {
  demo: async () => (await import("./demo.js")).demoCommand,
  start: async () => (await import("./start.js")).startCommand,
  known: async () => (await import("./known.js")).knownCommand,
  submit: async () => (await import("./submit.js")).submitCommand,
  status: async () => (await import("./status.js")).statusCommand,
  check: async () => (await import("./check.js")).checkCommand,
  bench: async () => (await import("./bench.js")).benchCommand,
  case: async () => (await import("./case.js")).caseCommand,
  erase: async () => (await import("./erase.js")).eraseCommand,
  hashes: async () => (await import("./hashes.js")).hashesCommand,
  user: async () => (await import("./user.js")).userCommand,
  token: async () => (await import("./token.js")).tokenCommand,
  webhook: async () => (await import("./webhook.js")).webhookCommand,
  audit: async () => (await import("./audit.js")).auditCommand,
  doctor: async () => (await import("./doctor.js")).doctorCommand,
  migrate: async () => (await import("./migrate.js")).migrateCommand,
};

/** Runs one command; returns the exit code: 0 done, 1 something failed, 2 wrong usage. Never throws. */
export async function runCli(args: string[]): Promise<number> {
  let code = 0;
  goOnUnheard(process.stdout);
  goOnUnheard(process.stderr);
  const program = new Command("reupload")
    .description("Recognises re-uploads of already reported images and videos, and queues their takedown.")
    .version(readVersion())
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 something failed, 2 wrong usage.\nConfiguration is in environment variables; the README lists them.",
    );
  const wanted = Object.hasOwn(COMMANDS, args[0] ?? "") ? [COMMANDS[args[0]]] : Object.values(COMMANDS);
  for (const load of wanted) {
    const make = await load();
    program.addCommand(
      make((exitCode) => {
        code = exitCode;
      }),
    );
  }
  forEachCommand(program, (command) =>
    command.exitOverride().configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, "reupload:")) }),
  );
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError)
      return error.exitCode === 0 || (error.code === "commander.help" && args.length === 0) ? 0 : 2;
    complain(error);
    return exitCodeOf(error);
  }
}

function forEachCommand(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const sub of command.commands) forEachCommand(sub, change);
}

/** Whoever read what is printed (`| head`) may have read enough: the rest of the work is done all the same. */
function goOnUnheard(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
