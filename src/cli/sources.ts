import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { UsageError } from "../errors.js";

export interface NamedMedia {
  /** As the user wrote it. */
  name: string;
  media: { url: string } | { path: string };
  /** The file's name, or the last part of the URL's path. */
  label: string;
}

/**
 * What an argument of the command line means: an http(s) URL, or a file that must exist.
 *
 * @throws UsageError naming the argument.
 */
export async function namedMedia(argument: string): Promise<NamedMedia> {
  if (/^https?:\/\//i.test(argument)) {
    if (!URL.canParse(argument)) throw new UsageError(`${argument}: is not a valid address`);
    const { pathname, hostname } = new URL(argument);
    return { name: argument, media: { url: argument }, label: basename(pathname) || hostname };
  }
  const path = resolve(argument);
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`${argument}: there is no such file`);
  if (!found.isFile()) throw new UsageError(`${argument}: is not a file`);
  return { name: argument, media: { path }, label: basename(path) };
}
