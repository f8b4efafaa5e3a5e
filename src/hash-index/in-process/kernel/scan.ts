import type { WasmFunction } from "../../../webassembly/assemble.js";
import { BUCKET, COMPARE_64, COMPARE_256, LAYOUT, WRITE } from "./snippets.js";

const PARAMS = ["q", "out", "cap", "within"];

/** Writes the pair unless there is no room, then remembers where to go on and returns. `resume` pushes what `q + 40` becomes. */
const roomOr = (resume: string, place: string) => `
  local.get $w
  local.get $end_of_room
  i32.ge_u
  if
    local.get $q
    ${resume}
    i32.store offset=40
    local.get $q
    ${place}
    i32.store offset=44
    local.get $w
    local.get $out
    i32.sub
    i32.const 3
    i32.shr_u
    return
  end`;

/** `load` the query's first vector. */
const start = (load: string) => `
  local.get $out
  local.set $w
  local.get $out
  local.get $cap
  i32.const 3
  i32.shl
  i32.add
  local.set $end_of_room
  local.get $q
  ${load}
  local.set $q0`;

const FINISH = `
  local.get $q
  i32.const -1
  i32.store offset=40
  local.get $w
  local.get $out
  i32.sub
  i32.const 3
  i32.shr_u`;

/** A loop over all hashes of `1 << shift` bytes; `compare` leaves the distance, `condition` pushes whether a near pair counts. */
const scanning = (name: string, shift: number, load: string, compare: string, condition: string): WasmFunction => ({
  name,
  params: [...PARAMS, "hashes", "end"],
  i32: ["w", "end_of_room", "place", "h", "distance"],
  v128: ["q0", "q1", "x0", "x1", "sums", "zero"],
  body: `
  ${start(load)}
  local.get $q
  v128.load offset=16
  local.set $q1
  local.get $q
  i32.load offset=44
  local.set $place
  block $done
    loop $each
      local.get $place
      local.get $end
      i32.ge_u
      br_if $done
      local.get $place
      i32.const ${shift}
      i32.shl
      local.get $hashes
      i32.add
      local.set $h
      ${compare}
      local.get $distance
      local.get $within
      i32.le_u
      if
        ${condition}
        if
          ${roomOr("i32.const 0", "local.get $place")}
          ${WRITE}
        end
      end
      local.get $place
      i32.const 1
      i32.add
      local.set $place
      br $each
    end
  end
  ${FINISH}`,
});

/** One bit for each of the 4 bands that are equal; the lanes above them are empty, and equal always. */
const EQUAL_BANDS = `
  local.get $x0
  local.get $zero
  i16x8.eq
  i16x8.bitmask
  i32.const 15
  i32.and`;

export const equal: WasmFunction = {
  name: "equal",
  params: [...PARAMS, "layout", "end"],
  i32: [...["w", "end_of_room", "offsets", "ids", "hashes", "neighbours", "band", "key", "h", "at", "hi", "place", "distance"]],
  v128: ["q0", "x0", "sums", "zero"],
  body: `
  ${start("v128.load64_zero")}
  ${LAYOUT}
  local.get $q
  i32.load offset=40
  local.set $band
  local.get $q
  i32.load offset=44
  local.set $at
  block $done
    loop $bands
      local.get $band
      i32.const 4
      i32.ge_u
      br_if $done
      local.get $q
      local.get $band
      i32.const 1
      i32.shl
      i32.add
      i32.load16_u
      local.set $key
      ${BUCKET}
      local.get $h
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
        loop $each
          local.get $at
          local.get $hi
          i32.ge_u
          br_if $bucket_done
          ${roomOr("local.get $band", "local.get $at")}
          local.get $ids
          local.get $at
          i32.const 2
          i32.shl
          i32.add
          i32.load
          local.tee $place
          i32.const 3
          i32.shl
          local.get $hashes
          i32.add
          local.set $h
          ${COMPARE_64}
          local.get $distance
          local.get $within
          i32.le_u
          if
            ;; written at the first band that is equal, so once
            ${EQUAL_BANDS}
            i32.ctz
            local.get $band
            i32.eq
            if
              ${WRITE}
            end
          end
          local.get $at
          i32.const 1
          i32.add
          local.set $at
          br $each
        end
      end
      i32.const 0
      local.set $at
      local.get $band
      i32.const 1
      i32.add
      local.set $band
      br $bands
    end
  end
  ${FINISH}`,
};

export const scan = scanning("scan", 5, "v128.load", COMPARE_256, "i32.const 1");
export const scanEqual = scanning("scanEqual", 3, "v128.load64_zero", COMPARE_64, EQUAL_BANDS);
