import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { UsageError } from "../../errors.js";
import { COMMON_FAMILIES, type Family, familyOf } from "./families.js";
import { kindOf, readMedia } from "./ffmpeg.js";
import type { Media, Split } from "./types.js";

export interface Corpus {
  known: Media[];
  innocent: Media[];
  /** Copies of a known that came with the corpus: nobody here made them. */
  copies: { known: Media; copy: Media }[];
  /** Files that are no readable picture or that are there twice, with the reason. */
  skipped: string[];
}

interface Entry {
  path: string;
  fileName: string;
  family: Family;
  rank: number;
  role: "known" | "innocent";
}

const familiesFile = z.object({
  families: z.array(
    z.object({
      name: z.string(),
      files: z.array(z.string()),
      kind: z.enum(["copies", "relatives"]),
      role: z.enum(["known", "innocent"]).optional(),
    }),
  ),
});

/**
 * The part of a corpus that `split` names. A folder with `known/` and `innocent/` says itself what is which; in any other folder
 * about two families in three are taken as known. Which half a file belongs to depends on its family's name alone, so it never changes.
 *
 * @throws UsageError if the folder holds no known video or image.
 */
export async function loadCorpus(dir: string, split: Split = "all"): Promise<Corpus> {
  if (!existsSync(dir)) throw new UsageError(`corpus: ${dir} does not exist`);
  const families = [...(await readFamilies(dir)), ...COMMON_FAMILIES];
  const entries = await listEntries(dir, families);
  const { once, skipped } = await withoutDoubles(entries, dir);
  const chosen = once.filter((entry) => split === "all" || halfOf(entry.family.name) === split);
  const corpus: Corpus = { known: [], innocent: [], copies: [], skipped };
  const leaders = new Map<string, Media>();
  const names = new Set<string>();
  for (const entry of chosen) {
    const name = relative(dir, entry.path);
    const media = await readMedia(entry.path).catch((error: Error) => void skipped.push(`${name}: ${error.message}`));
    if (!media) continue;
    // Each known is a case of its own, also where another folder has one of the same name.
    const caseId = names.has(media.name) ? name : media.name;
    names.add(media.name);
    place(corpus, leaders, entry, { ...media, name: caseId, caseId });
  }
  if (corpus.known.length === 0) throw new UsageError(`corpus: ${dir} holds no known image or video for the split "${split}"`);
  return corpus;
}

/**
 * A file that is there twice would be a known and an innocent, or two knowns that are each a wrong case for copies of the other: the known one
 * stays, or the first.
 */
async function withoutDoubles(entries: Entry[], dir: string): Promise<{ once: Entry[]; skipped: string[] }> {
  const first = new Map<string, Entry>();
  const skipped: string[] = [];
  for (const entry of [...entries].sort((a, b) => Number(a.role === "innocent") - Number(b.role === "innocent"))) {
    // What cannot be read is like no other; reading it as media says why.
    const bytes = await sha256Of(entry.path).catch(() => entry.path);
    const same = first.get(bytes) ?? entry;
    first.set(bytes, same);
    if (same !== entry) skipped.push(`${relative(dir, entry.path)}: the same bytes as ${relative(dir, same.path)}`);
  }
  const kept = new Set(first.values());
  return { once: entries.filter((entry) => kept.has(entry)), skipped };
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function place(corpus: Corpus, leaders: Map<string, Media>, { family, role }: Entry, media: Media): void {
  const leader = family.kind === "copies" ? leaders.get(`${family.name} ${media.kind}`) : undefined;
  if (role === "innocent") {
    // A copy of an innocent is no innocent any more where the innocent becomes known.
    corpus.innocent.push(leader ? { ...media, caseId: leader.caseId } : media);
    if (!leader) leaders.set(`${family.name} ${media.kind}`, media);
    return;
  }
  if (leader) {
    corpus.copies.push({ known: leader, copy: { ...media, caseId: leader.caseId } });
    return;
  }
  leaders.set(`${family.name} ${media.kind}`, media);
  corpus.known.push(media);
}

async function readFamilies(dir: string): Promise<Family[]> {
  const path = join(dir, "families.json");
  if (!existsSync(path)) return [];
  const parsed = familiesFile.safeParse(await readJson(path));
  if (!parsed.success) throw new UsageError(`${path}: ${z.prettifyError(parsed.error)}`);
  return parsed.data.families;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`);
  }
}

async function listEntries(dir: string, families: Family[]): Promise<Entry[]> {
  const sorted = existsSync(join(dir, "known")) && existsSync(join(dir, "innocent"));
  const roots = sorted ? [join(dir, "known"), join(dir, "innocent")] : [dir];
  const entries: Entry[] = [];
  for (const root of roots) {
    const role = sorted ? (root === roots[0] ? "known" : "innocent") : undefined;
    for (const file of await readdir(root, { recursive: true, withFileTypes: true })) {
      if (!(file.isFile() || file.isSymbolicLink()) || kindOf(file.name) === undefined) continue;
      const { family, rank } = familyOf(file.name, families);
      const path = join(file.parentPath, file.name);
      entries.push({ path, fileName: file.name, family, rank, role: role ?? roleOf(file.name, family) });
    }
  }
  return entries.sort((a, b) => a.family.name.localeCompare(b.family.name) || a.rank - b.rank || a.path.localeCompare(b.path));
}

/** Copies share their family's role; relatives are dealt one by one, so that some are known and others hard innocents. */
function roleOf(fileName: string, family: Family): "known" | "innocent" {
  if (family.role) return family.role;
  return hashByte(family.kind === "copies" ? family.name : fileName, 1) % 3 === 0 ? "innocent" : "known";
}

function halfOf(familyName: string): "tune" | "report" {
  return hashByte(familyName, 0) % 2 === 0 ? "tune" : "report";
}

/** The salt was chosen by looking at file names only, so that the freely available corpora come apart evenly. */
const SALT = "split-89";

function hashByte(text: string, index: number): number {
  return createHash("sha256").update(`${SALT} ${text}`).digest()[index];
}
