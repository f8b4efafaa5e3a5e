import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, increase, lines, of, plus, set, shuffle, times, whilst } from "../../webassembly/text.js";

/** How `table` is laid out: bytes from a place to 32 corners of boxes, then two 64-bit floats. */
export const CORNERS = 32;
export const SQUARE_AT = 4 * CORNERS;
export const WEIGHT_AT = SQUARE_AT + 8;
export const TABLE_BYTES = WEIGHT_AT + 8;

const corner = (i: number): string => of("v128.load", plus(get("at"), of(`i32.load offset=${4 * i}`, get("table"))));

/** The pixels of a box, from corners `i` (lower right), `i + 1` (lower left), `i + 2` (upper right) and `i + 3` (upper left). */
const box = (i: number): string =>
  of("i32x4.add", of("i32x4.sub", of("i32x4.sub", corner(i), corner(i + 1)), corner(i + 2)), corner(i + 3));

const derived = (i: number): string => of("i32x4.sub", box(i), of("i32x4.mul", box(i + 4), get("three")));

const float = (of_: string): string => of("f64x2.convert_low_i32x4_s", of_);
const upper = (name: string): string => shuffle(4, [2, 3, 2, 3], get(name), get(name));

/** square * (dxx * dyy - weight * dxy * dxy), each product rounded as 64-bit floats are, then to 32 bits. */
const determinant = (half: (name: string) => string): string =>
  lines(
    set("d", float(half("dxy"))),
    of(
      "f32x4.demote_f64x2_zero",
      of(
        "f64x2.mul",
        get("square"),
        of(
          "f64x2.sub",
          of("f64x2.mul", float(half("dxx")), float(half("dyy"))),
          of("f64x2.mul", of("f64x2.mul", get("weight"), get("d")), get("d")),
        ),
      ),
    ),
  );

/**
 * Determinants of the Hessian, four neighbours at a time. The sums that a corner has for neighbouring places are neighbours in its plane (see
 * `sumRow`). `at` is the place of the first in the even plane and `out` where it goes; rows are `rowBytes` and `outBytes` apart. Up to
 * three more than `columns` are written in each row, and then made 0.
 */
export const determinants: WasmFunction = {
  name: "determinants",
  params: ["table", "at", "out", "columns", "rows", "rowBytes", "outBytes"],
  i32: ["end", "along"],
  v128: ["square", "weight", "three", "dxx", "dyy", "dxy", "d", "zero"],
  body: lines(
    set("square", of(`v128.load64_splat offset=${SQUARE_AT}`, get("table"))),
    set("weight", of(`v128.load64_splat offset=${WEIGHT_AT}`, get("table"))),
    set("three", of("i32x4.splat", constant(3))),
    whilst(
      get("rows"),
      lines(
        set("end", plus(get("out"), times(get("columns"), constant(4)))),
        set("along", constant(0)),
        whilst(
          of("i32.lt_u", plus(get("out"), get("along")), get("end")),
          lines(
            set("dxx", derived(0)),
            set("dyy", derived(8)),
            set("dxy", of("i32x4.sub", of("i32x4.add", box(16), box(20)), of("i32x4.add", box(24), box(28)))),
            of("v128.store", plus(get("out"), get("along")), shuffle(4, [0, 1, 4, 5], determinant(get), determinant(upper))),
            increase("at", constant(16)),
            increase("along", constant(16)),
          ),
        ),
        of("v128.store", get("end"), get("zero")),
        set("at", plus(of("i32.sub", get("at"), get("along")), get("rowBytes"))),
        increase("out", get("outBytes")),
        increase("rows", constant(-1)),
      ),
    ),
    constant(0),
  ),
};
