import { z } from "zod";
import { InvalidSubmissionError } from "../errors.js";
import { ALGORITHM } from "../fingerprint/fingerprint-frame.js";
import { hashFromHex } from "../fingerprint/hash.js";
import { LONG_PATCH_ALGORITHM, LONG_PATCH_BYTES, PATCH_ALGORITHM, PATCH_BYTES } from "../fingerprint/patches.js";
import type { MediaSource, Submission } from "../model.js";
import { isDeeperThan } from "./depth.js";

/** A job larger than this (as JSON) is refused: about 100,000 fingerprints. */
const MAX_JOB_CHARACTERS = 32 * 1024 * 1024;

/** Objects inside objects; PostgreSQL and the stack give up much later. */
const MAX_JOB_DEPTH = 32;

const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not contain control characters");
const webUrl = text(8192).refine(isWebUrl, "must be an http or https address");
const hex256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits");

const ms = z
  .number()
  .min(0)
  .max(2 ** 31 - 1);

const fingerprint = z.strictObject({
  // Hashes of another algorithm would be compared with nothing, and look clear.
  algorithm: text(64).refine((v) => v === ALGORITHM, `must be ${ALGORITHM}, the algorithm that references are hashed with`),
  variant: text(64).default("full"),
  atMs: ms,
  untilMs: ms.optional(),
  pdq: hex256,
  // Of stills: it confirms one still to another.
  blockhash: hex256.optional(),
  quality: z.number().min(0).max(100),
});

/** Agents that were built before patches had 64 bits go on submitting twice as many. */
const DIGITS_A_PATCH: Record<string, number> = {
  [PATCH_ALGORITHM]: 2 * PATCH_BYTES,
  [LONG_PATCH_ALGORITHM]: 2 * LONG_PATCH_BYTES,
};

const patchSet = z
  .strictObject({
    algorithm: text(64).refine(
      (v) => Object.hasOwn(DIGITS_A_PATCH, v),
      `must be ${PATCH_ALGORITHM} (or, of older agents, ${LONG_PATCH_ALGORITHM})`,
    ),
    atMs: ms,
    untilMs: ms,
    width: z.number().int().min(1).max(4096),
    height: z.number().int().min(1).max(4096),
    places: z.array(z.number().int().min(0).max(65_535)).max(3 * 255),
    hashes: z.string().regex(/^([0-9a-f]{16})*$/, "must be 16 lower-case hexadecimal digits for each patch (32 of older agents)"),
  })
  .refine(
    ({ algorithm, places, hashes }) => places.length * DIGITS_A_PATCH[algorithm] === hashes.length * 3,
    "needs three places and one hash for each patch",
  );

const media = z
  .strictObject({
    url: webUrl.optional(),
    path: text(4096).optional(),
    sha256: hex256.optional(),
    kind: z.enum(["image", "video"]).optional(),
    durationMs: z
      .number()
      .min(0)
      .max(2 ** 31 - 1)
      .optional(),
    fingerprints: z.array(fingerprint).min(1).max(100_000).optional(),
    patchSets: z.array(patchSet).max(100_000).optional(),
  })
  .refine(
    (m) => [m.url, m.path, m.fingerprints].filter((v) => v !== undefined).length === 1,
    "must have exactly one of url, path or fingerprints",
  )
  .refine(
    (m) => m.fingerprints === undefined || (m.sha256 !== undefined && m.kind !== undefined),
    "needs sha256 and kind beside fingerprints",
  );

/** DESIGN's contract, version 1. The API's schemas and its OpenAPI document are made of its parts. */
export const scanJobSchema = z.strictObject({
  version: z.literal(1),
  submissionId: text(128).regex(/^[\x20-\x7e]+$/, "must be 1-128 printable characters"),
  media,
  platform: text(128).optional(),
  pageUrl: webUrl.optional(),
  uploader: z.strictObject({ id: text(512).optional(), url: webUrl.optional() }).optional(),
  reportedAt: z.iso
    .datetime({ offset: true, error: "must be a date and time as in 2026-11-24T10:00:00Z" })
    .refine((v) => Date.parse(v) >= 0, "must be a date since 1970")
    .optional(),
  priority: z.number().int().min(0).max(2_097_152).default(0),
  metadata: z.record(z.string(), z.unknown()).default({}),
});

/** A `scan` job as intake writes it; DESIGN's contract, version 1. */
export type ScanJob = z.input<typeof scanJobSchema>;

function isWebUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/**
 * The submission in a job.
 *
 * @throws InvalidSubmissionError naming the first field that is wrong, as a dotted path, and what it must be.
 */
export function parseJob(data: unknown): Submission {
  if (isDeeperThan(data, MAX_JOB_DEPTH))
    throw new InvalidSubmissionError("job", `is nested more than ${MAX_JOB_DEPTH} levels deep`);
  const size = JSON.stringify(data ?? null).length;
  if (size > MAX_JOB_CHARACTERS)
    throw new InvalidSubmissionError("job", `has ${size} characters; ${MAX_JOB_CHARACTERS} are allowed`);
  const parsed = scanJobSchema.safeParse(data);
  if (!parsed.success) throw invalid(parsed.error.issues[0]);
  const { submissionId, version: _, media, ...rest } = parsed.data;
  if (!isStorable(rest.metadata))
    throw new InvalidSubmissionError("metadata", "must not contain NUL characters or halves of surrogate pairs");
  return { id: submissionId, media: sourceOf(media), ...rest };
}

/** Whether PostgreSQL can keep every text in it, names included. */
function isStorable(value: unknown): boolean {
  if (typeof value === "string") return !value.includes("\u0000") && !/\p{Cs}/u.test(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, part]) => isStorable(key) && isStorable(part));
}

function invalid(issue: z.core.$ZodIssue): InvalidSubmissionError {
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...issue.path, ...(unknown === undefined ? [] : [unknown])].map(String).join(".");
  return new InvalidSubmissionError(path || "job", unknown === undefined ? issue.message : "is not a field of a scan job");
}

function sourceOf(given: z.output<typeof media>): MediaSource {
  if (given.url !== undefined) return { url: given.url };
  if (given.path !== undefined) return { path: given.path };
  return {
    sha256: given.sha256!,
    kind: given.kind!,
    durationMs: given.durationMs ?? 0,
    fingerprints: given.fingerprints!.map((f) => ({
      ...f,
      untilMs: Math.max(f.untilMs ?? f.atMs, f.atMs),
      pdq: hashFromHex(f.pdq),
      blockhash: f.blockhash ? hashFromHex(f.blockhash) : new Uint8Array(0),
    })),
    patchSets: (given.patchSets ?? []).map((set) => ({
      ...set,
      places: Uint16Array.from(set.places),
      hashes: Buffer.from(set.hashes, "hex"),
    })),
  };
}
