import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, increase, lines, minus, of, plus, set, shuffle, times, upTo, whilst } from "../../webassembly/text.js";

/** So many pixels are weighed at a time; parts that cover more take several turns. */
export const TAPS = 8;
const WEIGHT_BYTES = 2 * TAPS;

/** Adds to `part0`, ... `part3` eight pixels of each of four neighbouring parts, by their weights, as four 32-bit sums each. */
const weighFour = [0, 1, 2, 3]
  .map((i) => {
    const pixels = of("v128.load8x8_u", plus(get("row"), get("tap"), of(`i32.load offset=${4 * i}`, get("first"))));
    const weights = of(`v128.load offset=${i * WEIGHT_BYTES}`, get("weight"));
    return set(`part${i}`, of("i32x4.add", get(`part${i}`), of("i32x4.dot_i16x8_s", pixels, weights)));
  })
  .join("\n");

const EVERY_SECOND = [0, 2, 4, 6];
const THE_OTHERS = [1, 3, 5, 7];
const addNeighbours = (a: string, b: string): string =>
  of("i32x4.add", shuffle(4, EVERY_SECOND, a, b), shuffle(4, THE_OTHERS, a, b));

/**
 * Each row of a picture as the means over 64 equal parts, 32-bit floats. At `firsts` the first pixel of each part (32 bits), at `weights` how
 * much of it and those that follow is in the part (16 bits each, {@link TAPS} of the 64 parts, then the next, `turns` of them). A part's sum is whole, and so is
 * `width`, so that their quotient is rounded once.
 */
export const narrowRows: WasmFunction = {
  name: "narrowRows",
  params: ["row", "width", "rows", "firsts", "weights", "turns", "out"],
  i32: ["first", "weight", "tap", "turn"],
  v128: ["part0", "part1", "part2", "part3", "none", "divisor"],
  body: lines(
    set("divisor", of("f32x4.convert_i32x4_s", of("i32x4.splat", get("width")))),
    whilst(
      get("rows"),
      lines(
        set("first", get("firsts")),
        upTo(
          "first",
          plus(get("firsts"), constant(4 * 64)),
          16,
          lines(
            ...[0, 1, 2, 3].map((i) => set(`part${i}`, get("none"))),
            set("weight", plus(get("weights"), times(minus(get("first"), get("firsts")), constant(WEIGHT_BYTES / 4)))),
            set("tap", constant(0)),
            set("turn", get("turns")),
            whilst(
              get("turn"),
              lines(
                weighFour,
                increase("tap", constant(TAPS)),
                increase("weight", constant(64 * WEIGHT_BYTES)),
                increase("turn", constant(-1)),
              ),
            ),
            of(
              "v128.store",
              get("out"),
              of(
                "f32x4.div",
                of(
                  "f32x4.convert_i32x4_s",
                  addNeighbours(addNeighbours(get("part0"), get("part1")), addNeighbours(get("part2"), get("part3"))),
                ),
                get("divisor"),
              ),
            ),
            increase("out", constant(16)),
          ),
        ),
        increase("row", get("width")),
        increase("rows", constant(-1)),
      ),
    ),
    constant(0),
  ),
};

const ROW_BYTES = 4 * 64;

/**
 * The mean of some rows of 64 floats, weighed by 64-bit floats at `shares`, in 64-bit floats. From `row` to `end`; `size` is the address
 * of what the sums are divided by.
 */
export const averageRows: WasmFunction = {
  name: "averageRows",
  params: ["row", "end", "shares", "size", "out"],
  i32: ["at", "share", "column"],
  v128: ["left", "right", "weight", "divisor", "none"],
  body: lines(
    set("divisor", of("v128.load64_splat", get("size"))),
    upTo(
      "column",
      constant(ROW_BYTES),
      16,
      lines(
        set("left", get("none")),
        set("right", get("none")),
        set("share", get("shares")),
        set("at", plus(get("row"), get("column"))),
        upTo(
          "at",
          get("end"),
          ROW_BYTES,
          lines(
            set("weight", of("v128.load64_splat", get("share"))),
            ...["left", "right"].map((two, i) => {
              const values = of("f64x2.promote_low_f32x4", of(`v128.load64_zero offset=${8 * i}`, get("at")));
              return set(two, of("f64x2.add", get(two), of("f64x2.mul", values, get("weight"))));
            }),
            increase("share", constant(8)),
          ),
        ),
        of(
          "v128.store",
          plus(get("out"), get("column")),
          shuffle(
            4,
            [0, 1, 4, 5],
            of("f32x4.demote_f64x2_zero", of("f64x2.div", get("left"), get("divisor"))),
            of("f32x4.demote_f64x2_zero", of("f64x2.div", get("right"), get("divisor"))),
          ),
        ),
      ),
    ),
    constant(0),
  ),
};
