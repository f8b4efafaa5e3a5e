import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, lines, of, plus, set, upTo } from "../../webassembly/text.js";

export const LEVELS = 256;

/** Neighbours are often alike, and a count would wait for the one before it: so they are counted in turn in so many tables. */
export const TABLES = 4;

/** Pixels of which every second one is counted. */
export const AT_A_TIME = 2 * TABLES;

const countOne = (i: number): string => {
  const at = plus(get("counts"), of("i32.shl", of(`i32.load8_u offset=${2 * i}`, get("at")), constant(2)));
  const offset = 4 * LEVELS * i;
  return lines(
    set("count", at),
    of(`i32.store offset=${offset}`, get("count"), plus(of(`i32.load offset=${offset}`, get("count")), constant(1))),
  );
};

/** Counts every second pixel from `at` to `end` by its level, at `counts` in {@link TABLES} tables of 32 bits. */
export const levels: WasmFunction = {
  name: "levels",
  params: ["at", "end", "counts"],
  i32: ["count"],
  v128: [],
  body: lines(upTo("at", get("end"), AT_A_TIME, lines(...Array.from({ length: TABLES }, (_, i) => countOne(i)))), constant(0)),
};
