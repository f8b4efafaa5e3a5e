import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, increase, lines, minus, of, plus, set, times, upTo, when, whilst } from "../../webassembly/text.js";

const at = (base: string, columns: number, row: "" | "rowBytes"): string => {
  const place = plus(base, constant(4 * columns));
  return of("v128.load", row === "" ? place : plus(place, get(row)));
};

/** Clears the lanes of `peaks` whose value is not above all of these. */
const above = (...others: string[]): string =>
  set(
    "peaks",
    others.reduce((kept, other) => of("v128.and", kept, of("f32x4.gt", get("value"), other)), get("peaks")),
  );

const ifAny = (body: string): string => when(of("v128.any_true", get("peaks")), body);

/** Those beside it in the row before and the row after. */
const rowsOf = (place: string): string[] => [
  ...[-1, 0, 1].map((column) => at(minus(place, get("rowBytes")), column, "")),
  ...[-1, 0, 1].map((column) => at(place, column, "rowBytes")),
];

const rowOf = (place: string): string[] => [-1, 0, 1].map((column) => at(place, column, ""));

/** A neighbouring layer is named by how many bytes behind this one it lies; 0 is none. */
const aboveLayer = (distance: string): string =>
  when(
    get(distance),
    lines(set("other", plus(get("place"), get(distance))), above(...rowOf(get("other")), ...rowsOf(get("other")))),
  );

/**
 * Places of a layer whose value is above `least` (the address of a 32-bit float), above all eight around them and all nine in the layers
 * `below` and `higher`; in order. Writes their addresses from `out` on and returns where it stopped. `from` is the second value of the second row.
 */
export const peaks: WasmFunction = {
  name: "peaks",
  params: ["from", "columns", "rows", "below", "higher", "least", "out"],
  i32: ["place", "end", "rowBytes", "other", "found"],
  v128: ["value", "peaks", "threshold"],
  body: lines(
    set("threshold", of("v128.load32_splat", get("least"))),
    set("rowBytes", times(get("columns"), constant(4))),
    whilst(
      get("rows"),
      lines(
        set("place", get("from")),
        set("end", plus(get("from"), minus(get("rowBytes"), constant(8)))),
        upTo(
          "place",
          get("end"),
          16,
          lines(
            set("value", of("v128.load", get("place"))),
            set("peaks", of("f32x4.gt", get("value"), get("threshold"))),
            above(at(get("place"), -1, ""), at(get("place"), 1, "")),
            ifAny(
              lines(
                above(...rowsOf(get("place"))),
                ifAny(
                  lines(
                    aboveLayer("below"),
                    aboveLayer("higher"),
                    set("found", of("i32x4.bitmask", get("peaks"))),
                    whilst(
                      get("found"),
                      lines(
                        set("other", plus(get("place"), times(of("i32.ctz", get("found")), constant(4)))),
                        when(
                          of("i32.lt_u", get("other"), get("end")),
                          lines(of("i32.store", get("out"), get("other")), increase("out", constant(4))),
                        ),
                        set("found", of("i32.and", get("found"), minus(get("found"), constant(1)))),
                      ),
                    ),
                  ),
                ),
              ),
            ),
          ),
        ),
        increase("from", get("rowBytes")),
        increase("rows", constant(-1)),
      ),
    ),
    get("out"),
  ),
};
