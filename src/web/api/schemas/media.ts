import { z } from "zod";
import { scanJobSchema } from "../../../intake/job.js";
import { platform, sha256, submissionId, text } from "./common.js";

// What is queued is what was sent, so that the same job over the queue and over HTTP is the same submission: the job's schema without its
// defaults. And without paths: a client over HTTP has no business with the files of our machines.
const { shape } = scanJobSchema.shape.media;
const fingerprint = shape.fingerprints.unwrap().element;

const url = shape.url
  .unwrap()
  .meta({ description: "Where the bytes are: http or https.", examples: ["https://media.example/v/2041.mp4"] });

export const hashesShape = {
  sha256: sha256.meta({ description: "Of the file the hashes were made of." }),
  kind: z.enum(["image", "video"]),
  durationMs: shape.durationMs,
  fingerprints: z
    .array(fingerprint.extend({ variant: fingerprint.shape.variant.unwrap().optional() }))
    .min(1)
    .max(100_000),
  patchSets: shape.patchSets,
};

const fromUrl = z.strictObject({ url });
const fromHashes = z.strictObject(hashesShape);

export const HASHES_EXAMPLE = {
  sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  kind: "image",
  fingerprints: [
    {
      algorithm: "luma64-pdq/1",
      atMs: 0,
      pdq: "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22",
      blockhash: "00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff",
      quality: 100,
    },
  ],
};

export const mediaInput = z
  .union([fromUrl, fromHashes])
  .meta({ id: "Media", description: "An address, or hashes made elsewhere with our pipeline." });

const { version, media: _, priority, metadata, ...rest } = scanJobSchema.shape;

/** A scan job, but for paths; `version` may be left out. */
export const submissionInput = z
  .strictObject({
    version: version.optional(),
    ...rest,
    media: mediaInput,
    priority: priority
      .unwrap()
      .optional()
      .meta({ description: "0, as when it is left out, is served first; of others, lower ones." }),
    metadata: metadata.unwrap().optional().meta({ description: "Yours; kept with the submission." }),
  })
  .meta({
    id: "Submission",
    description: "One piece of media to check, once. `submissionId` is yours, and the idempotency key.",
  });

export const SUBMISSION_EXAMPLE = {
  submissionId: "intake-2041",
  media: { url: "https://media.example/v/2041.mp4" },
  platform: "youtube",
  pageUrl: "https://youtube.example/watch?v=2041",
  uploader: { id: "channel-9", url: "https://youtube.example/c/9" },
  reportedAt: "2026-11-24T10:00:00Z",
};

export const filePart = z.string().meta({ format: "binary", description: "The media, as a part with a file name." });

const json = (of: string) => `${of}, as JSON in a form field`;

/** The parts of an uploaded submission. */
export const submissionForm = z
  .strictObject({
    file: filePart,
    submissionId,
    platform: platform.optional(),
    pageUrl: rest.pageUrl,
    uploaderId: text(512).min(1).optional(),
    uploaderUrl: rest.pageUrl,
    reportedAt: rest.reportedAt,
    priority: z
      .string()
      .regex(/^\d{1,7}$/, "must be a whole number")
      .optional(),
    metadata: z
      .string()
      .optional()
      .meta({ description: json("An object of yours"), examples: ['{"ticket":"T-1"}'] }),
  })
  .meta({ description: "A file and what is known about it." });

const MOST_IN_BATCH = 1_000;

/** Items are checked one by one, so that one that is wrong does not stop the others. */
export const batchInput = z.strictObject({
  submissions: z
    .array(z.unknown())
    .min(1)
    .max(MOST_IN_BATCH)
    .meta({
      description: "Each as the body of `POST /v1/submissions`.",
      items: { $ref: "#/components/schemas/SubmissionInput" },
    }),
});

export const BATCH_EXAMPLE = { submissions: [SUBMISSION_EXAMPLE, { ...SUBMISSION_EXAMPLE, submissionId: "intake-2042" }] };
