import { entryOr, FieldError, type Parsed, pdqSignal, plainText } from "./entry.js";
import { type XmlToken, xmlTokens } from "./xml.js";

/** What a page of NCMEC's says beside its entries. */
export interface NcmecPage {
  /** Path and query of the next page; undefined on the last one. */
  next?: string;
  /** The newest change it tells of, as it writes it; undefined on a page without entries. */
  maxTimestamp?: string;
}

/** `deletedImage` and `deletedVideo` withdraw. */
const ENTRIES = new Map([
  ["image", { withdrawn: false }],
  ["video", { withdrawn: false }],
  ["deletedImage", { withdrawn: true }],
  ["deletedVideo", { withdrawn: true }],
]);

interface Draft {
  element: string;
  line: number;
  id?: string;
  fingerprints: Map<string, string>;
}

/**
 * NCMEC's hash sharing, version 2: `queryResult` with images and videos. Their PDQ is used; entries that only have other hashes come as
 * what is wrong with them, since nothing here could find them. What it learns of paging is written into `page`.
 *
 * @throws FieldError when the XML is broken or is no `queryResult`.
 */
export async function* readNcmec(chunks: AsyncIterable<Uint8Array>, page: NcmecPage = {}): AsyncGenerator<Parsed> {
  const path: string[] = [];
  let draft: Draft | undefined;
  for await (const token of xmlTokens(chunks)) {
    if (token.kind === "start") {
      if (path.length === 0 && token.name !== "queryResult")
        throw new FieldError(`line ${token.line}`, "is not NCMEC's queryResult: is it the answer of /v2/entries?");
      if (path.length === 1) note(page, token);
      if (path.length === 2 && ENTRIES.has(token.name))
        draft = { element: token.name, line: token.line, fingerprints: new Map() };
      if (!token.isEmpty) path.push(token.name);
      else if (draft && path.length === 2) yield finished(draft);
      else if (draft && path.length === 4 && path[3] === "fingerprints") draft.fingerprints.set(token.name, "");
    } else if (token.kind === "text") {
      if (draft) add(draft, path, token.text);
      else if (path.join("/") === "queryResult/paging/next") page.next = token.text;
    } else {
      path.pop();
      if (path.length !== 2 || !draft) continue;
      yield finished(draft);
      draft = undefined;
    }
  }
}

function note(page: NcmecPage, { attributes }: Extract<XmlToken, { kind: "start" }>): void {
  const timestamp = attributes.get("maxTimestamp");
  if (timestamp !== undefined && (page.maxTimestamp === undefined || timestamp > page.maxTimestamp))
    page.maxTimestamp = timestamp;
}

/** `queryResult/images/image/id` and `…/fingerprints/pdq`; the member that shared it and the feedback of others are not kept. */
function add(draft: Draft, path: string[], text: string): void {
  if (path.length === 4 && path[3] === "id") draft.id = text;
  if (path.length === 5 && path[3] === "fingerprints") draft.fingerprints.set(path[4].toLowerCase(), text);
}

function finished({ element, line, id, fingerprints }: Draft): Parsed {
  const place = `line ${line}`;
  return entryOr(place, () => {
    if (id === undefined) throw new FieldError(`${element} id`, "is missing");
    const entry = plainText(`${element} id`, id);
    if (ENTRIES.get(element)?.withdrawn) return { place, entry };
    const pdq = fingerprints.get("pdq");
    if (pdq === undefined) throw unsupported(element, entry, [...fingerprints.keys()]);
    return { place, entry, signal: pdqSignal(`${element} ${entry} pdq`, pdq.trim()) };
  });
}

function unsupported(element: string, entry: string, given: string[]): FieldError {
  const what = given.length > 0 ? `only has ${given.slice(0, 12).join(", ").slice(0, 200)}` : "has no fingerprints";
  return new FieldError(`${element} ${entry}`, `${what}: without a pdq it cannot be looked for here`, { unsupported: true });
}
