import type { WasmFunction } from "../../../webassembly/assemble.js";
import { address, again, LAYOUT, PLACE_BITS, PLACE_MASK, PROBES, THIRD_MASK } from "./snippets.js";

/** Takes the lowest set bit from each of 8 words of `x`. */
const CLEAR_LOWEST = `
  local.tee $x
  local.get $minus_one
  i16x8.add
  local.get $x
  v128.and`;

/**
 * All ones for each of 8 neighbours, from `offset` bytes after `$h`, that differ in at most 2 bits (or in 3, from the 16 probes of bands that are
 * equal): words from which that many lowest bits can be taken until nothing is left. Counting the bits takes twice as long.
 */
const near8 = (offset: number): string => `
  local.get $h
  v128.load offset=${offset}
  local.get $next
  v128.xor
  ${CLEAR_LOWEST}
  ${CLEAR_LOWEST}
  local.tee $x
  local.get $x
  local.get $minus_one
  i16x8.add
  local.get $third_bit
  v128.or
  v128.and
  local.get $zero
  i16x8.eq`;

/**
 * Writes the postings that pass the ring filter by their neighbours from `list` on, each with its probe's number (8 bytes together), at most
 * `cap`; goes on where `q + 40` and `q + 44` say.
 */
export const filter: WasmFunction = {
  name: "filter",
  params: ["q", "ranges", "list", "cap", "layout"],
  i32: [...["offsets", "ids", "hashes", "neighbours", "probe", "band", "h", "at", "hi", "bits", "w", "end_of_room"]],
  v128: ["next", "x", "minus_one", "third_bit", "zero"],
  body: `
  ${LAYOUT}
  i32.const -1
  i16x8.splat
  local.set $minus_one
  local.get $list
  local.set $w
  ${address("$list", "$cap", 3)}
  i32.const 128
  i32.sub
  local.set $end_of_room
  local.get $q
  i32.load offset=40
  local.set $probe
  local.get $q
  i32.load offset=44
  local.set $at
  block $done
    loop $probes
      local.get $probe
      i32.const ${PROBES}
      i32.ge_u
      br_if $done
      local.get $probe
      i32.const 17
      i32.div_u
      local.set $band
      ${address("$q", "$band", 1)}
      i32.load16_u offset=2
      i16x8.splat
      local.set $next
      ;; 0 lets a third bit be taken, all ones (x and x) does not
      i32.const 0
      local.get $probe
      local.get $band
      i32.const 17
      i32.mul
      i32.ne
      i32.sub
      i16x8.splat
      local.set $third_bit
      ${address("$ranges", "$probe", 3)}
      local.tee $h
      i32.load offset=4
      local.set $hi
      local.get $at
      i32.eqz
      if
        local.get $h
        i32.load
        local.set $at
      end
      block $bucket_done
        loop $sixteen
          local.get $at
          local.get $hi
          i32.ge_u
          br_if $bucket_done
          ${address("$neighbours", "$at", 1)}
          local.set $h
          ${near8(0)}
          ${near8(16)}
          i8x16.narrow_i16x8_s
          i8x16.bitmask
          local.tee $bits
          if
            ;; room for sixteen more
            local.get $end_of_room
            local.get $w
            i32.lt_u
            if
              local.get $q
              local.get $probe
              i32.store offset=40
              local.get $q
              local.get $at
              i32.store offset=44
              local.get $w
              local.get $list
              i32.sub
              i32.const 3
              i32.shr_u
              return
            end
            local.get $hi
            local.get $at
            i32.sub
            local.tee $h
            i32.const 16
            i32.lt_u
            if
              i32.const 1
              local.get $h
              i32.shl
              i32.const 1
              i32.sub
              local.get $bits
              i32.and
              local.set $bits
            end
            block $bits_done
              loop $each
                local.get $bits
                i32.eqz
                br_if $bits_done
                local.get $w
                local.get $at
                local.get $bits
                i32.ctz
                i32.add
                i32.store
                local.get $w
                local.get $probe
                i32.store offset=4
                local.get $bits
                local.get $bits
                i32.const 1
                i32.sub
                i32.and
                local.set $bits
                ${again("$w", 8, "$each")}
              end
            end
          end
          ${again("$at", 16, "$sixteen")}
        end
      end
      i32.const 0
      local.set $at
      ${again("$probe", 1, "$probes")}
    end
  end
  local.get $q
  i32.const -1
  i32.store offset=40
  local.get $w
  local.get $list
  i32.sub
  i32.const 3
  i32.shr_u`,
};

/**
 * Of the first `count` postings at `list`, writes those that pass the filter by what they have of the third band from `places` on: place and
 * band, 8 bytes together. Returns how many.
 */
export const locate: WasmFunction = {
  name: "locate",
  params: ["q", "list", "places", "count", "layout"],
  i32: ["offsets", "ids", "hashes", "neighbours", "end", "h", "band", "probe", "posting", "entry", "w"],
  v128: [],
  body: `
  ${LAYOUT}
  local.get $places
  local.set $w
  ${address("$list", "$count", 3)}
  local.set $end
  block $done
    loop $each
      local.get $list
      local.get $end
      i32.ge_u
      br_if $done
      local.get $list
      i32.load
      local.set $posting
      local.get $list
      i32.load offset=4
      local.tee $probe
      i32.const 17
      i32.div_u
      local.set $band
      ${address("$ids", "$posting", 2)}
      i32.load
      local.set $entry
      ;; written in any case, and counted only when it passes: there is nothing to guess
      local.get $w
      local.get $entry
      i32.const ${PLACE_MASK}
      i32.and
      i32.store
      local.get $w
      local.get $band
      i32.store offset=4
      ${address("$q", "$band", 1)}
      local.set $h
      local.get $w
      ;; in the third band
      local.get $h
      i32.load16_u offset=4
      i32.const ${THIRD_MASK}
      i32.and
      local.get $entry
      i32.const ${PLACE_BITS}
      i32.shr_u
      i32.xor
      i32.popcnt
      ;; in the next
      local.get $h
      i32.load16_u offset=2
      ${address("$neighbours", "$posting", 1)}
      i32.load16_u
      i32.xor
      i32.popcnt
      i32.add
      ;; in its own
      local.get $probe
      local.get $band
      i32.const 17
      i32.mul
      i32.ne
      i32.add
      i32.const 5
      i32.le_u
      i32.const 3
      i32.shl
      i32.add
      local.set $w
      ${again("$list", 8, "$each")}
    end
  end
  local.get $w
  local.get $places
  i32.sub
  i32.const 3
  i32.shr_u`,
};
