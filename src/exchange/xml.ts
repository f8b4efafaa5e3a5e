import { FieldError } from "./entry.js";
import { textOf } from "./text-of.js";

/** A start tag (`isEmpty` when it is its own end), an end tag, or text between tags. Names are without their namespace's prefix. */
export type XmlToken =
  | { kind: "start"; name: string; attributes: Map<string, string>; isEmpty: boolean; line: number }
  | { kind: "end"; name: string; line: number }
  | { kind: "text"; text: string; line: number };

/** The longest tag, comment or text in characters: more is no hash. */
const LONGEST_TOKEN = 1024 * 1024;
const DEEPEST = 32;

/**
 * Takes XML apart as it arrives, in memory for one token. Of XML this is what documents without a DTD need: a DTD is refused, so nothing can
 * be expanded or fetched, and the only entities are the five of XML and numbers.
 *
 * @throws FieldError naming the line, when the XML is broken, nested too deep or has a DTD: then the rest cannot be trusted.
 */
export async function* xmlTokens(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<XmlToken> {
  const open: string[] = [];
  let rest = "";
  let line = 1;
  const fail = (problem: string) => new FieldError(`line ${line}`, problem);
  for await (const text of textOf(chunks)) {
    rest += text;
    let at = 0;
    for (let end = endOfToken(rest, at); end > at; end = endOfToken(rest, at)) {
      const raw = rest.slice(at, end);
      const token = tokenOf(raw, line, fail);
      if (token) {
        keepTrack(token, open, fail);
        yield token;
      }
      for (let lf = raw.indexOf("\n"); lf >= 0; lf = raw.indexOf("\n", lf + 1)) line++;
      at = end;
    }
    rest = rest.slice(at);
    if (rest.length > LONGEST_TOKEN) throw fail(`a tag or text has more than ${LONGEST_TOKEN} characters`);
  }
  if (rest.trim() !== "" || open.length > 0) throw fail(`ends early, inside ${open.at(-1) ?? "a tag"}: fetch it again`);
}

/** Where the token at `at` ends; `at` when the end has not arrived. */
function endOfToken(text: string, at: number): number {
  if (at >= text.length) return at;
  if (text[at] !== "<") {
    const next = text.indexOf("<", at);
    return next < 0 ? at : next;
  }
  for (const [start, end] of [
    ["<!--", "-->"],
    ["<![CDATA[", "]]>"],
    ["<?", "?>"],
  ]) {
    if (!text.startsWith(start, at)) continue;
    const found = text.indexOf(end, at + start.length);
    return found < 0 ? at : found + end.length;
  }
  // "<!" may be the beginning of any of them.
  if (text.startsWith("<!", at) && text.length - at < "<![CDATA[".length) return at;
  let quote = "";
  for (let i = at + 1; i < text.length; i++) {
    const c = text[i];
    if (quote !== "") quote = c === quote ? "" : quote;
    else if (c === '"' || c === "'") quote = c;
    else if (c === ">") return i + 1;
  }
  return at;
}

type Fail = (problem: string) => FieldError;

function tokenOf(raw: string, line: number, fail: Fail): XmlToken | undefined {
  if (raw.startsWith("<![CDATA[")) return { kind: "text", text: raw.slice(9, -3), line };
  if (raw.startsWith("<?") || raw.startsWith("<!--")) return undefined;
  if (raw.startsWith("<!")) throw fail("has a DTD, which is refused: no hash list needs one");
  if (!raw.startsWith("<")) return raw.trim() === "" ? undefined : { kind: "text", text: decoded(raw.trim(), fail), line };
  const found = /^<(\/?)(?:[\w.-]+:)?([A-Za-z_][\w.-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>$/.exec(raw);
  if (!found || (found[1] && (found[3] || found[4]))) throw fail("has a tag that is not XML");
  const [, slash, name, attributes, empty] = found;
  if (slash) return { kind: "end", name, line };
  return { kind: "start", name, attributes: attributesOf(attributes, fail), isEmpty: empty === "/", line };
}

function attributesOf(text: string, fail: Fail): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name, double, single] of text.matchAll(/([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g))
    attributes.set(name, decoded(double ?? single, fail));
  return attributes;
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decoded(text: string, fail: Fail): string {
  return text.replace(/&([^;&]{0,12})(;?)/g, (_, name: string, end: string) => {
    const number = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
    const code = number ? Number.parseInt(number[1] ?? number[2], number[1] ? 16 : 10) : -1;
    const character =
      code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
    if (end === "" || character === undefined) throw fail("has an entity that XML does not know: without a DTD there are five");
    return character;
  });
}

function keepTrack(token: XmlToken, open: string[], fail: Fail): void {
  if (token.kind === "start" && !token.isEmpty) open.push(token.name);
  if (open.length > DEEPEST) throw fail(`is nested more than ${DEEPEST} deep`);
  if (token.kind === "end" && open.pop() !== token.name) throw fail(`closes ${token.name}, which is not open`);
  if (token.kind === "text" && open.length === 0) throw fail("has text outside the document: is it XML?");
}
