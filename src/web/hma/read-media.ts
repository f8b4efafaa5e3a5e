import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { FastifyRequest } from "fastify";
import type { Config } from "../../config.js";
import { refused } from "./errors.js";
import { CONTENT_TYPES, type ContentType } from "./signals.js";

/** Media that a request brings or names, for as long as the request lasts. */
export interface Given {
  media: { url: string } | { path: string };
  /** What the caller says it is. */
  contentType?: ContentType;
  /** The file's name, or the last part of the address. */
  name: string;
  /** The other parts of the form. */
  fields: Record<string, string>;
}

const contentTypes = Object.keys(CONTENT_TYPES).join(" or ");
const isContentType = (name: string): name is ContentType => Object.hasOwn(CONTENT_TYPES, name);

/** @throws ProblemError 400 for another one. */
export function contentTypeOf(name: string | undefined): ContentType | undefined {
  if (name === undefined || name === "") return undefined;
  if (!isContentType(name)) throw refused(400, `No such content type '${name.slice(0, 64)}': it is ${contentTypes}`);
  return name;
}

/** An address; it is held to the rules of a submission's when it is fetched. */
export function namedMedia(url: string, contentType: string | undefined): Given {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw refused(400, "url: must be an http or https address");
  const name = new URL(url).pathname.split("/").at(-1) || new URL(url).hostname;
  return { media: { url }, contentType: contentTypeOf(contentType), name, fields: {} };
}

/**
 * Runs `work` on the one file of a form. As in HMA the part's name is the content type: `photo=@x.png`. The file lies in a folder of its own
 * below `MEDIA_TMP_DIR` and is gone when this returns or throws.
 *
 * @throws ProblemError 400, and 413 beyond `MEDIA_MAX_BYTES`.
 */
export async function withUpload<T>(
  request: FastifyRequest,
  { mediaTmpDir }: Pick<Config, "mediaTmpDir">,
  work: (given: Given) => Promise<T>,
): Promise<T> {
  if (!request.isMultipart()) throw refused(400, `send multipart/form-data with one file in a part named ${contentTypes}`);
  const folder = await mkdtemp(join(mediaTmpDir, "reupload-"));
  try {
    return await work(await receive(request, join(folder, "media")));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function receive(request: FastifyRequest, path: string): Promise<Given> {
  const fields: Record<string, string> = Object.create(null);
  let file: { contentType: ContentType; name: string } | undefined;
  for await (const part of request.parts()) {
    if (part.type === "field") {
      if (part.valueTruncated) throw refused(400, `${part.fieldname}: is too long`);
      fields[part.fieldname] = String(part.value);
      continue;
    }
    if (!isContentType(part.fieldname)) throw refused(400, `a file's part must be named ${contentTypes}`);
    file = { contentType: part.fieldname, name: part.filename || part.fieldname };
    await pipeline(part.file, createWriteStream(path, { mode: 0o600 }));
    if (part.file.truncated) throw refused(413, "Content too large");
  }
  if (!file) throw refused(400, `no file: send one in a part named ${contentTypes}`);
  return { media: { path }, ...file, fields };
}
