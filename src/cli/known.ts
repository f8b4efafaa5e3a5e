import { Command } from "commander";
import { caseForMaterial } from "../casework/cases.js";
import { UsageError } from "../errors.js";
import { listReferences, retireReference } from "../hash-index/references.js";
import { register } from "../register.js";
import { clock } from "../verdict/explain.js";
import { withApp } from "./open.js";
import type { SetExitCode } from "./output.js";
import { complain, oneLine, reasonOf, say, sayJson, table, withProgress } from "./output.js";
import { namedMedia } from "./sources.js";

export const knownCommand = (setExitCode: SetExitCode): Command =>
  new Command("known")
    .description("known material: what re-uploads are recognised by")
    .addCommand(addCommand(setExitCode))
    .addCommand(listCommand())
    .addCommand(retireCommand());

const addCommand = (setExitCode: SetExitCode) =>
  new Command("add")
    .description("fingerprint media into a case's known material (the media is not kept), and look back over past submissions")
    .argument("<file|url...>", "images or videos")
    .requiredOption("--case <id>", "the case it belongs to; created when new")
    .option("--label <label>", "what caseworkers see (default: the file's name)")
    .option("--provenance <name>", "where it comes from", "own")
    .action(async (names: string[], options: { case: string; label?: string; provenance: string }) => {
      if (!/^[\x21-\x7e]{1,128}$/.test(options.case))
        throw new UsageError("--case: must be 1-128 printable characters without spaces");
      const media = await Promise.all(names.map(namedMedia));
      const failed = await withApp(async (app, signal) => {
        const place = await caseForMaterial(app.database.pool, options.case);
        if (place.says) complain(place.says);
        return addAll(media, { ...options, case: place.id }, app, signal);
      });
      if (failed) setExitCode(1);
    });

async function addAll(
  media: Awaited<ReturnType<typeof namedMedia>>[],
  options: { case: string; label?: string; provenance: string },
  app: Parameters<Parameters<typeof withApp>[0]>[0],
  signal: AbortSignal,
): Promise<boolean> {
  let failed = false;
  await withProgress(media, "registering", async (item) => {
    try {
      const label = options.label ?? item.label;
      const { reference, earlierUploads } = await register(
        app.registerSteps,
        item.media,
        { caseId: options.case, label, provenance: options.provenance },
        signal,
      );
      const state = reference.repeated ? "was known already" : `registered, ${reference.fingerprintCount} fingerprints`;
      const found = earlierUploads > 0 ? `; ${earlierUploads} earlier upload${earlierUploads === 1 ? "" : "s"} of it found` : "";
      say(`${reference.id}  ${reference.caseId}  ${oneLine(reference.label)}: ${state}${found}`);
    } catch (error) {
      signal.throwIfAborted();
      failed = true;
      complain(`${item.name}: ${reasonOf(error)}`);
    }
  });
  return failed;
}

const listCommand = () =>
  new Command("list")
    .description("list known material")
    .option("--case <id>", "of one case")
    .option("--all", "retired references too")
    .option("--json", "JSON Lines")
    .action(async (options: { case?: string; all?: boolean; json?: boolean }) => {
      const listed = await withApp(({ database }) =>
        listReferences(database.pool, { caseId: options.case, retired: options.all }),
      );
      if (options.json) {
        for (const reference of listed) sayJson(reference);
        return;
      }
      if (listed.length === 0) {
        say('no known material yet; "reupload known add <file> --case ID" registers some');
        return;
      }
      say(
        table(
          ["reference", "case", "label", "kind", "length", "fingerprints", "state"],
          listed.map((r) => [
            r.id,
            r.caseId,
            r.label,
            r.kind,
            r.kind === "video" ? clock(r.durationMs) : "-",
            String(r.fingerprints),
            r.retiredAt ? "retired" : "active",
          ]),
        ),
      );
    });

const retireCommand = () =>
  new Command("retire")
    .description("stop a reference from matching; past verdicts stay as they are")
    .argument("<ref>", "the reference's id, from known list")
    .action(async (ref: string) => {
      await withApp(({ database }) => retireReference(database.pool, ref));
      say(`${ref} is retired`);
    });
