import { type BadEntry, isBad } from "./entry.js";

export interface Line {
  number: number;
  text: string;
}

/** A day of vPDQ at a frame a second has 7 MB; a longer line is no hash. */
export const LONGEST_LINE_BYTES = 8 * 1024 * 1024;

const LF = 0x0a;

/**
 * The lines of a list, without their ends (LF or CRLF) and a byte order mark; blank ones are left out. One that is too long, is no UTF-8 or
 * holds control characters comes as what is wrong with it. Memory holds one line, and of one too long no more than the limit.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  longestBytes = LONGEST_LINE_BYTES,
): AsyncGenerator<Line | BadEntry> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let bytes = 0;
  const take = (part: Uint8Array) => {
    bytes += part.length;
    if (bytes <= longestBytes) parts.push(part);
    else parts = [];
  };
  const end = (): Line | BadEntry | undefined => {
    const line = lineOf(number, parts, bytes, longestBytes);
    number++;
    parts = [];
    bytes = 0;
    return line !== undefined && (isLine(line) ? line.text !== "" : true) ? line : undefined;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      take(chunk.subarray(from, at));
      const line = end();
      if (line) yield line;
      from = at + 1;
    }
    if (from < chunk.length) take(new Uint8Array(chunk.subarray(from)));
  }
  const last = bytes > 0 ? end() : undefined;
  if (last) yield last;
}

export const isLine = (line: Line | BadEntry): line is Line => !isBad(line as BadEntry);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function lineOf(number: number, parts: Uint8Array[], bytes: number, longestBytes: number): Line | BadEntry {
  const bad = (problem: string): BadEntry => ({ place: `line ${number}`, field: "line", problem });
  if (bytes > longestBytes) return bad(`has ${bytes} bytes; ${longestBytes} are allowed: split it`);
  let text: string;
  try {
    text = utf8.decode(Buffer.concat(parts));
  } catch {
    return bad("is not UTF-8: save the file as UTF-8");
  }
  if (number === 1 && text.startsWith("\ufeff")) text = text.slice(1);
  if (text.endsWith("\r")) text = text.slice(0, -1);
  if (/[^\P{Cc}\t]/u.test(text)) return bad("holds NUL or other control characters: remove them");
  return { number, text: text.trim() };
}
