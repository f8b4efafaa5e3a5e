import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { MultipartFile } from "@fastify/multipart";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Config } from "../../config.js";
import { TransientError } from "../../errors.js";
import { ProblemError, wrongField } from "../problem.js";

/** A file on its way through: in a folder of its own below `MEDIA_TMP_DIR`, gone before the answer is sent. */
export interface Upload {
  path: string;
  sha256: string;
  bytes: number;
  /** As the client calls it, without folders. */
  name: string;
  remove(): Promise<void>;
}

declare module "fastify" {
  interface FastifyRequest {
    upload?: Upload;
  }
}

const MOST_FIELDS = 20;
const MOST_FIELD_BYTES = 65_536;

export const multipartLimits = (config: Pick<Config, "mediaMaxBytes">) => ({
  fileSize: config.mediaMaxBytes,
  files: 1,
  fields: MOST_FIELDS,
  fieldSize: MOST_FIELD_BYTES,
  fieldNameSize: 100,
  parts: MOST_FIELDS + 1,
});

/** However a request ends, its file is gone: `onSend` runs for every answer, errors and replays included. */
export function addUploads(api: FastifyInstance): void {
  api.addHook("onSend", async (request, _reply, payload) => {
    await request.upload?.remove();
    return payload;
  });
}

/**
 * A `preValidation` step: streams the part `file` to disk, hashing it on the way, and makes the other parts the request's body, so that they
 * are validated as any other. Memory does not grow with the file.
 *
 * @throws ProblemError (413, 415, 422) when there is no such part, there are two, or it is larger than `MEDIA_MAX_BYTES`.
 */
export function receiveUpload(config: Pick<Config, "mediaTmpDir">) {
  return (request: FastifyRequest): Promise<void> => receive(request, config).catch((error) => Promise.reject(asProblem(error)));
}

async function receive(request: FastifyRequest, config: Pick<Config, "mediaTmpDir">): Promise<void> {
  if (!request.isMultipart()) throw new ProblemError(415, "send multipart/form-data with the media in the part `file`");
  const fields: Record<string, unknown> = Object.create(null);
  for await (const part of request.parts()) {
    if (Object.hasOwn(fields, part.fieldname)) throw wrongField(part.fieldname, "is there twice");
    if (part.type === "field") {
      if (part.valueTruncated) throw wrongField(part.fieldname, `is longer than ${MOST_FIELD_BYTES} bytes`);
      fields[part.fieldname] = part.value;
      continue;
    }
    if (part.fieldname !== "file") {
      part.file.resume();
      throw wrongField(part.fieldname, "is a file; the media goes into the part `file`");
    }
    request.upload = await save(part, config.mediaTmpDir);
    fields.file = request.upload.name;
  }
  if (!request.upload) throw wrongField("file", "is missing: send the media as the part `file`, with a file name");
  if (request.upload.bytes === 0) throw wrongField("file", "is empty");
  request.body = { ...fields };
}

/** The parser's own complaints are plain errors; the disk's have a code. */
function asProblem(error: Error & { code?: string; statusCode?: number }): Error {
  if (error.statusCode !== undefined) return error;
  if (/^(ENOSPC|EDQUOT|EMFILE|ENFILE|EIO)$/.test(error.code ?? ""))
    return new TransientError("the upload could not be stored", { cause: error });
  return error.code === undefined || error.code === "ERR_STREAM_PREMATURE_CLOSE"
    ? new ProblemError(400, "the form could not be read to its end", { cause: error })
    : error;
}

async function save(part: MultipartFile, tmpDir: string): Promise<Upload> {
  await mkdir(tmpDir, { recursive: true });
  // mkdtemp makes it readable by this user alone.
  const folder = await mkdtemp(join(tmpDir, "reupload-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const path = join(folder, "media");
  const hash = createHash("sha256");
  let bytes = 0;
  async function* counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      hash.update(chunk);
      yield chunk;
    }
  }
  try {
    await pipeline(part.file, counted, createWriteStream(path, { flags: "wx", mode: 0o600 }));
    if (part.file.truncated) throw new ProblemError(413, "the file is larger than MEDIA_MAX_BYTES allows");
    return { path, sha256: hash.digest("hex"), bytes, name: nameOf(part.filename), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

const nameOf = (filename: string | undefined): string =>
  basename((filename ?? "").replaceAll("\\", "/"))
    .replace(/[\p{Cc}\p{Cs}]/gu, "")
    .slice(0, 255) || "file";
