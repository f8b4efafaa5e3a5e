import { FieldError } from "./entry.js";
import { textOf } from "./text-of.js";

/** The longest record in characters, and all that may stand beside them: where pages go on, and a count. */
const LONGEST = { record: 1024 * 1024, beside: 65_536 };
/** Objects and arrays inside each other; beyond this there is nothing of use. */
const DEEPEST = 64;

export type JsonPart = { record: string; line: number } | { rest: Record<string, unknown> };

/** Where in such a document a character is. */
interface State {
  depth: number;
  line: number;
  inString: boolean;
  escaped: boolean;
  /** Inside the array of records: what came last there. */
  inArray: false | "start" | "record" | "comma";
  /** The document without its records, and the record that is being read. */
  beside: string;
  record: string;
  recordLine: number;
}

/**
 * Takes `{…, "<key>": [{…}, {…}], …}` apart as it arrives: each object of that array as its text, and at the end of each document all else
 * that stands beside it. Several documents may follow each other. Memory holds one record.
 *
 * @throws FieldError naming the line, when it is not such JSON.
 */
export async function* jsonRecords(chunks: AsyncIterable<Uint8Array>, key: string): AsyncGenerator<JsonPart> {
  const state: State = {
    ...{ depth: 0, line: 1, inString: false, escaped: false, inArray: false as const },
    ...{ beside: "", record: "", recordLine: 0 },
  };
  const opensArray = new RegExp(`"${key}"\\s*:\\s*\\[$`);
  for await (const text of textOf(chunks)) {
    for (const c of text) {
      const part = step(state, c, key, opensArray);
      if (part) yield part;
    }
  }
  if (state.depth > 0) throw failure(state, "ends early: fetch it again");
}

const failure = ({ line }: State, problem: string) => new FieldError(`line ${line}`, problem);

function step(state: State, c: string, key: string, opensArray: RegExp): JsonPart | undefined {
  if (c === "\n") state.line++;
  // Between records.
  if (state.inArray && state.depth === 2 && !state.inString) return between(state, c, key);
  if (state.inArray && state.depth > 2) state.record += c;
  else if (state.depth > 0 || c.trim() !== "") state.beside += c;
  if (state.record.length > LONGEST.record) throw failure(state, `a record has more than ${LONGEST.record} characters`);
  if (state.beside.length > LONGEST.beside) throw failure(state, `more than ${LONGEST.beside} characters stand beside ${key}`);
  if (state.inString) {
    if (state.escaped) state.escaped = false;
    else if (c === "\\") state.escaped = true;
    else if (c === '"') state.inString = false;
    return undefined;
  }
  if (state.depth === 0 && c !== "{" && c.trim() !== "")
    throw failure(state, c === "[" ? "must begin with {" : "is not a JSON object");
  if (c === '"') state.inString = true;
  else if (c === "{" || c === "[") {
    if (state.depth === 1 && c === "[" && opensArray.test(state.beside.slice(-200))) state.inArray = "start";
    deeper(state);
  } else if (c === "}" || c === "]") return shallower(state);
  return undefined;
}

/** Commas and blanks between records are not kept, or what stands beside them would grow with the list. */
function between(state: State, c: string, key: string): undefined {
  if (c.trim() === "") return;
  const last = state.inArray;
  if (c === "{" && last !== "record") {
    state.record = c;
    state.recordLine = state.line;
    deeper(state);
  } else if (c === "," && last === "record") state.inArray = "comma";
  else if (c === "]" && last !== "comma") {
    state.beside += c;
    state.inArray = false;
    state.depth--;
  } else throw failure(state, `${key} must be an array of objects`);
}

function deeper(state: State): void {
  if (++state.depth > DEEPEST) throw failure(state, `is nested more than ${DEEPEST} deep`);
}

function shallower(state: State): JsonPart | undefined {
  state.depth--;
  if (state.inArray && state.depth === 2) {
    state.inArray = "record";
    const { record, recordLine } = state;
    state.record = "";
    return { record, line: recordLine };
  }
  if (state.depth > 0) return undefined;
  const { beside } = state;
  state.beside = "";
  try {
    return { rest: JSON.parse(beside) as Record<string, unknown> };
  } catch {
    throw failure(state, "is not JSON");
  }
}
