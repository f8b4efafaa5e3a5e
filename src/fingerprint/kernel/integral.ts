import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, increase, lines, minus, of, set, shuffle, upTo } from "../../webassembly/text.js";

/** The sums of the first 1, 2, ... 8 of eight 16-bit values. */
const RUNNING = [1, 2, 4]
  .map((by) => {
    const shifted = Array.from({ length: 8 }, (_, lane) => (lane < by ? 8 : lane - by));
    return set("sums", of("i16x8.add", get("sums"), shuffle(2, shifted, get("sums"), get("zero"))));
  })
  .join("\n");

/** Four of them, with all that is to their left, on top of the row above. */
const store = (plane: string, four: string): string =>
  lines(
    set("four", of("i32x4.add", four, get("before"))),
    of("v128.store", get(plane), of("i32x4.add", get("four"), of("v128.load", minus(get(plane), get("row"))))),
    increase(plane, constant(16)),
  );

/**
 * One row of an integral image, from eight pixels at a time. Sums up to an even column lie in a plane of their own and those up to an odd
 * one in another, so that those of every second pixel are neighbours. `even` and `odd` are where the first two columns' sums go, and the row
 * above is `row` bytes before. Up to 7 pixels are read and 8 sums written beyond the row's end.
 */
export const sumRow: WasmFunction = {
  name: "sumRow",
  params: ["luma", "end", "odd", "even", "row"],
  i32: [],
  v128: ["zero", "sums", "before", "four"],
  body: lines(
    upTo(
      "luma",
      get("end"),
      8,
      lines(
        set("sums", of("v128.load8x8_u", get("luma"))),
        RUNNING,
        store("odd", of("i32x4.shr_u", of("i32x4.shl", get("sums"), constant(16)), constant(16))),
        store("even", of("i32x4.shr_u", get("sums"), constant(16))),
        set("before", shuffle(4, [3, 3, 3, 3], get("four"), get("four"))),
      ),
    ),
    constant(0),
  ),
};
