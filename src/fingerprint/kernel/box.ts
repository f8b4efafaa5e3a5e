import type { WasmFunction } from "../../webassembly/assemble.js";
import {
  constant,
  get,
  increase,
  lines,
  minus,
  of,
  plus,
  set,
  shuffle,
  times,
  upTo,
  when,
  whilst,
} from "../../webassembly/text.js";

/** So many columns go down a picture together; one has rows of a multiple of this many 32-bit floats. */
export const ABREAST = 16;

const STRIP = [0, 1, 2, 3];
const onStrip = (instruction: string, from: string): string =>
  lines(...STRIP.map((i) => set(`sum${i}`, of(instruction, get(`sum${i}`), of(`v128.load offset=${16 * i}`, from)))));

/**
 * Means over a sliding window within each column of 32-bit floats, `columns` bytes of them in rows of as many: of row r the `window` rows that
 * end `ahead` after it, fewer at both ends of `height` rows. What comes in is added before what goes out is taken off, and each step is rounded.
 */
export const boxDown: WasmFunction = {
  name: "boxDown",
  params: ["from", "columns", "height", "window", "ahead", "to"],
  i32: ["strip", "at", "end", "count"],
  v128: ["sum0", "sum1", "sum2", "sum3", "divisor", "none"],
  body: lines(
    set("end", times(get("height"), get("columns"))),
    set("window", times(get("window"), get("columns"))),
    set("ahead", times(get("ahead"), get("columns"))),
    upTo(
      "strip",
      get("columns"),
      4 * ABREAST,
      lines(
        ...STRIP.map((i) => set(`sum${i}`, get("none"))),
        set("count", constant(0)),
        set("at", constant(0)),
        whilst(
          of("i32.lt_u", get("at"), plus(get("end"), get("ahead"))),
          lines(
            when(
              of("i32.lt_u", get("at"), get("end")),
              lines(onStrip("f32x4.add", plus(get("from"), get("at"))), increase("count", constant(1))),
            ),
            when(
              of("i32.ge_u", get("at"), get("window")),
              lines(onStrip("f32x4.sub", plus(get("from"), minus(get("at"), get("window")))), increase("count", constant(-1))),
            ),
            when(
              of("i32.ge_u", get("at"), get("ahead")),
              lines(
                set("divisor", of("f32x4.convert_i32x4_s", of("i32x4.splat", get("count")))),
                ...STRIP.map((i) =>
                  of(
                    `v128.store offset=${16 * i}`,
                    plus(get("to"), minus(get("at"), get("ahead"))),
                    of("f32x4.div", get(`sum${i}`), get("divisor")),
                  ),
                ),
              ),
            ),
            increase("at", get("columns")),
          ),
        ),
        increase("from", constant(4 * ABREAST)),
        increase("to", constant(4 * ABREAST)),
      ),
    ),
    constant(0),
  ),
};

/** Rows i and j of a block of four, by turns: first the left halves, then the right ones. */
const weave = (a: string, b: string, half: 0 | 2): string => shuffle(4, [half, half + 4, half + 1, half + 5], get(a), get(b));
const halves = (a: string, b: string, half: 0 | 2): string => shuffle(4, [half, half + 1, half + 4, half + 5], get(a), get(b));

/** Rows to columns: `rows` rows, a multiple of four, of `rowBytes` bytes of 32-bit floats; the rows that come of it have `toRowBytes`. */
export const turn: WasmFunction = {
  name: "turn",
  params: ["from", "rows", "rowBytes", "toRowBytes", "to"],
  i32: ["row", "column", "at", "out"],
  v128: ["a", "b", "c", "d", "ab", "cd", "ab2", "cd2"],
  body: upTo(
    "row",
    get("rows"),
    4,
    lines(
      set("at", plus(get("from"), times(get("row"), get("rowBytes")))),
      set("out", plus(get("to"), times(get("row"), constant(4)))),
      set("column", constant(0)),
      upTo(
        "column",
        get("rowBytes"),
        16,
        lines(
          ...["a", "b", "c", "d"].map((name, i) =>
            set(name, of("v128.load", plus(get("at"), get("column"), times(get("rowBytes"), constant(i))))),
          ),
          set("ab", weave("a", "b", 0)),
          set("ab2", weave("a", "b", 2)),
          set("cd", weave("c", "d", 0)),
          set("cd2", weave("c", "d", 2)),
          ...[halves("ab", "cd", 0), halves("ab", "cd", 2), halves("ab2", "cd2", 0), halves("ab2", "cd2", 2)].map((four) =>
            lines(of("v128.store", get("out"), four), increase("out", get("toRowBytes"))),
          ),
        ),
      ),
    ),
  ).concat("\n", constant(0)),
};
