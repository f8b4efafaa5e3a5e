import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, increase, lines, of, plus, set, shuffle, upTo } from "../../webassembly/text.js";

const FOURS = [0, 1, 2, 3];

/**
 * The product of two matrices of 32-bit floats: rows of 64 from `a` to `end`, by a matrix of 64 rows of `bytes` bytes, a multiple of 64. Each sum is taken in
 * the order of its 64 products, which are rounded first. Sixteen sums run side by side, as each waits for its last addition.
 */
export const multiply: WasmFunction = {
  name: "multiply",
  params: ["a", "end", "b", "bytes", "out"],
  i32: ["column", "k", "at", "kEnd"],
  v128: [...FOURS.map((i) => `sum${i}`), "factor", "none"],
  body: lines(
    upTo(
      "a",
      get("end"),
      4 * 64,
      lines(
        set("column", constant(0)),
        upTo(
          "column",
          get("bytes"),
          64,
          lines(
            ...FOURS.map((i) => set(`sum${i}`, get("none"))),
            set("k", get("a")),
            set("kEnd", plus(get("a"), constant(4 * 64))),
            set("at", plus(get("b"), get("column"))),
            upTo(
              "k",
              get("kEnd"),
              4,
              lines(
                set("factor", of("v128.load32_splat", get("k"))),
                ...FOURS.map((i) => {
                  const product = of("f32x4.mul", get("factor"), of(`v128.load offset=${16 * i}`, get("at")));
                  return set(`sum${i}`, of("f32x4.add", get(`sum${i}`), product));
                }),
                increase("at", get("bytes")),
              ),
            ),
            ...FOURS.map((i) => of(`v128.store offset=${16 * i}`, get("out"), get(`sum${i}`))),
            increase("out", constant(64)),
          ),
        ),
      ),
    ),
    constant(0),
  ),
};

/**
 * How much values of a picture of 64 floats a row differ from those `apart` bytes on, from `at` (a multiple of 256) to `end`: each in whole hundredths of 255,
 * cut. Of each row only those that the 64 words of bits at `mask` let pass.
 */
export const gradients: WasmFunction = {
  name: "gradients",
  params: ["at", "end", "apart", "constants", "mask"],
  i32: [],
  v128: ["sum", "gap", "hundred", "range"],
  body: lines(
    set("hundred", of("v128.load32_splat", get("constants"))),
    set("range", of("v128.load32_splat offset=4", get("constants"))),
    upTo(
      "at",
      get("end"),
      16,
      lines(
        set("gap", of("f32x4.sub", of("v128.load", get("at")), of("v128.load", plus(get("at"), get("apart"))))),
        set("gap", of("v128.and", get("gap"), of("v128.load", plus(get("mask"), of("i32.and", get("at"), constant(255)))))),
        set("gap", of("f32x4.abs", of("f32x4.div", of("f32x4.mul", get("gap"), get("hundred")), get("range")))),
        set("sum", of("i32x4.add", get("sum"), of("i32x4.trunc_sat_f32x4_s", get("gap")))),
      ),
    ),
    plus(...FOURS.map((i) => of(`i32x4.extract_lane ${i}`, get("sum")))),
  ),
};

/**
 * Sums of 32-bit floats from `at` to `end`, and of their squares, one after the other as 64-bit floats, to `out`; and counts each, rounded to a whole number, in 32 bits at
 * `counts`.
 */
export const contrast: WasmFunction = {
  name: "contrast",
  params: ["at", "end", "half", "counts", "out"],
  i32: ["count"],
  v128: ["both", "value", "rounding", "one"],
  body: lines(
    set("rounding", of("v128.load64_splat", get("half"))),
    set("one", of("v128.load64_splat offset=8", get("half"))),
    upTo(
      "at",
      get("end"),
      4,
      lines(
        set("value", of("f64x2.promote_low_f32x4", of("v128.load32_splat", get("at")))),
        set("both", of("f64x2.add", get("both"), of("f64x2.mul", get("value"), shuffle(8, [0, 3], get("one"), get("value"))))),
        set(
          "count",
          plus(
            get("counts"),
            of(
              "i32.shl",
              of("i32x4.extract_lane 0", of("i32x4.trunc_sat_f64x2_s_zero", of("f64x2.add", get("value"), get("rounding")))),
              constant(2),
            ),
          ),
        ),
        of("i32.store", get("count"), plus(of("i32.load", get("count")), constant(1))),
      ),
    ),
    of("v128.store", get("out"), get("both")),
    constant(0),
  ),
};
