import { Command } from "commander";
import { benchIndexCommand } from "./bench-index.js";
import { benchLoadCommand } from "./bench-load.js";
import { benchQualityCommand } from "./bench-quality.js";
import { benchScanCommand } from "./bench-scan.js";

export const benchCommand = (): Command =>
  new Command("bench")
    .description("measure this program on this machine")
    .addCommand(benchQualityCommand())
    .addCommand(benchIndexCommand())
    .addCommand(benchScanCommand())
    .addCommand(benchLoadCommand());
