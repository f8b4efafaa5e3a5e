import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, increase, lines, of, plus, set, times, upTo } from "../../webassembly/text.js";

/** The pixels `lines` lines on (or back), eight neighbours as 16-bit values. */
const pixels = (by: number): string => of("v128.load8x8_u", plus(get("at"), times(get("across"), constant(by))));

const pair = (a: number, b: number): string => of("i16x8.add", pixels(a), pixels(b));
const gap = (a: string, b: string): string => of("i16x8.abs", of("i16x8.sub", get(a), get(b)));

/**
 * Adds, for every pixel from `at` to `end`, by how much the step of brightness before it exceeds its neighbours' to 16-bit sums at `out`. In
 * quarters of a grey level, at most `most` up or down. The pixel before is `across` bytes back. Up to 7 pixels more are done.
 */
export const steps: WasmFunction = {
  name: "steps",
  params: ["at", "end", "across", "most", "out"],
  i32: [],
  v128: ["before", "after", "further", "beyond", "step", "most8", "none"],
  body: lines(
    set("most8", of("i16x8.splat", get("most"))),
    upTo(
      "at",
      get("end"),
      8,
      lines(
        set("before", pair(-1, -2)),
        set("after", pair(0, 1)),
        set("further", pair(-3, -4)),
        set("beyond", pair(2, 3)),
        set(
          "step",
          of(
            "i16x8.sub",
            of("i16x8.sub", of("i16x8.shl", gap("after", "before"), constant(1)), gap("before", "further")),
            gap("beyond", "after"),
          ),
        ),
        set("step", of("i16x8.min_s", get("step"), get("most8"))),
        set("step", of("i16x8.max_s", get("step"), of("i16x8.sub", get("none"), get("most8")))),
        of("v128.store", get("out"), of("i16x8.add", of("v128.load", get("out")), get("step"))),
        increase("out", constant(16)),
      ),
    ),
    constant(0),
  ),
};
