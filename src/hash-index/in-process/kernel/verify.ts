import type { WasmFunction } from "../../../webassembly/assemble.js";
import { address, again, COMPARE_256, LAYOUT, THIRD_MASK, WRITE } from "./snippets.js";

/** Of 8 bands at a time: whether the bits differing are few enough, by what differs in the next band and in the one after. */
const fewEnough = (own: string, next: string, third: string): string => `
  local.get ${own}
  local.get $one
  i16x8.le_u
  local.get ${own}
  local.get ${next}
  i16x8.add
  local.tee $sums
  local.get $three
  i16x8.le_u
  v128.and
  local.get $sums
  local.get ${third}
  i16x8.add
  local.get $five
  i16x8.le_u
  v128.and
  i16x8.bitmask`;

/** The bands of a pair's halves, moved by one or two: the last ones' neighbours are the other half's first. */
const moved = (half: string, other: string, bands: 1 | 2): string => `
  local.get ${half}
  local.get ${other}
  i8x16.shuffle ${Array.from({ length: 16 }, (_, i) => i + 2 * bands).join(" ")}`;

/** Bits set in each band of a half of what differs, of all its bits or of those that postings have of the third band. */
const counted = (base: string, offset: number, mask: string): string => `
  local.get $h
  v128.load offset=${offset}
  local.get ${base}
  v128.xor
  ${mask}
  i8x16.popcnt
  i16x8.extadd_pairwise_i8x16_u`;

const THIRD_ONLY = `
  local.get $third_mask
  v128.and`;

/**
 * Pushes the first band at which the pair passes the filter (bits differing in it at most 1, with the next at most 3, with those known of the
 * third at most 5). Only there is the pair written, so no pair is written twice.
 */
const FIRST_BAND = `
  ${counted("$q0", 0, "")}
  local.set $x0
  ${counted("$q1", 16, "")}
  local.set $x1
  ${counted("$q0", 0, THIRD_ONLY)}
  local.set $t0
  ${counted("$q1", 16, THIRD_ONLY)}
  local.set $t1
  ${moved("$x0", "$x1", 1)}
  local.set $n0
  ${moved("$t0", "$t1", 2)}
  local.set $n1
  ${fewEnough("$x0", "$n0", "$n1")}
  ${moved("$x1", "$x0", 1)}
  local.set $n0
  ${moved("$t1", "$t0", 2)}
  local.set $n1
  ${fewEnough("$x1", "$n0", "$n1")}
  i32.const 8
  i32.shl
  i32.or
  i32.ctz`;
/** Compares the query with the `count` places, and writes those near from `out` on, each only where its first band found it. */
export const verify: WasmFunction = {
  name: "verify",
  params: ["q", "places", "count", "out", "within", "layout"],
  i32: ["offsets", "ids", "hashes", "neighbours", "i", "h", "w", "place", "distance"],
  v128: ["q0", "q1", "x0", "x1", "t0", "t1", "n0", "n1", "sums", "one", "three", "five", "third_mask"],
  body: `
  ${LAYOUT}
  local.get $out
  local.set $w
  local.get $q
  v128.load
  local.set $q0
  local.get $q
  v128.load offset=16
  local.set $q1
  i32.const 1
  i16x8.splat
  local.set $one
  i32.const 3
  i16x8.splat
  local.set $three
  i32.const 5
  i16x8.splat
  local.set $five
  i32.const ${THIRD_MASK}
  i16x8.splat
  local.set $third_mask
  block $done
    loop $each
      local.get $i
      local.get $count
      i32.ge_u
      br_if $done
      ${address("$places", "$i", 3)}
      i32.load
      local.set $place
      ${address("$hashes", "$place", 5)}
      local.set $h
      ${COMPARE_256}
      local.get $distance
      local.get $within
      i32.le_u
      if
        ${FIRST_BAND}
        ${address("$places", "$i", 3)}
        i32.load offset=4
        i32.eq
        if
          ${WRITE}
        end
      end
      ${again("$i", 1, "$each")}
    end
  end
  local.get $w
  local.get $out
  i32.sub
  i32.const 3
  i32.shr_u`,
};
