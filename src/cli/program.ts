import { Command, CommanderError } from "commander";
import { readVersion } from "../platform/version.js";
import { auditCommand } from "./audit.js";
import { benchCommand } from "./bench.js";
import { caseCommand } from "./case.js";
import { checkCommand } from "./check.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { eraseCommand } from "./erase.js";
import { hashesCommand } from "./hashes.js";
import { knownCommand } from "./known.js";
import { migrateCommand } from "./migrate.js";
import { complain, exitCodeOf } from "./output.js";
import { startCommand } from "./start.js";
import { statusCommand } from "./status.js";
import { submitCommand } from "./submit.js";
import { tokenCommand } from "./token.js";
import { userCommand } from "./user.js";
import { webhookCommand } from "./webhook.js";

/** Runs one command; returns the exit code: 0 done, 1 something failed, 2 wrong usage. Never throws. */
export async function runCli(args: string[]): Promise<number> {
  let code = 0;
  const program = new Command("reupload")
    .description("Recognises re-uploads of already reported images and videos, and queues their takedown.")
    .version(readVersion())
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 something failed, 2 wrong usage.\nConfiguration is in environment variables; the README lists them.",
    );
  const commands = [
    demoCommand,
    startCommand,
    knownCommand,
    submitCommand,
    statusCommand,
    checkCommand,
    benchCommand,
    caseCommand,
    eraseCommand,
    hashesCommand,
    userCommand,
    tokenCommand,
    webhookCommand,
    auditCommand,
    doctorCommand,
    migrateCommand,
  ];
  for (const make of commands)
    program.addCommand(
      make((exitCode) => {
        code = exitCode;
      }),
    );
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
