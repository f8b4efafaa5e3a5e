import { Command } from "commander";
import { feedbackCommand, fetchCommand, submitHashesCommand } from "./hashes-exchange.js";
import { exportCommand } from "./hashes-export.js";
import { importCommand, lookBackCommand } from "./hashes-import.js";
import type { SetExitCode } from "./output.js";

export const hashesCommand = (setExitCode: SetExitCode): Command =>
  new Command("hashes")
    .description("hash lists: what others know, and what they may know of ours")
    .addCommand(importCommand(setExitCode))
    .addCommand(exportCommand())
    .addCommand(fetchCommand(setExitCode))
    .addCommand(lookBackCommand())
    .addCommand(feedbackCommand())
    .addCommand(submitHashesCommand());
