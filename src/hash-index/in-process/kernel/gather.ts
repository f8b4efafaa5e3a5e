import type { WasmFunction } from "../../../webassembly/assemble.js";
import { address, again, BUCKET, LAYOUT, PROBES } from "./snippets.js";

/**
 * Memory answers late but many questions at once, so every step asks for all it needs before the next step uses it: first the 272
 * buckets' bounds (272 times 8 bytes at `ranges`), then, by {@link touch}, the first lines of each bucket.
 */
export const gather: WasmFunction = {
  name: "gather",
  params: ["q", "ranges", "layout"],
  i32: ["offsets", "ids", "hashes", "neighbours", "band", "mask", "key", "h", "w"],
  v128: [],
  body: `
  ${LAYOUT}
  local.get $ranges
  local.set $w
  block $done
    loop $bands
      local.get $band
      i32.const 16
      i32.ge_u
      br_if $done
      i32.const 0
      local.set $mask
      block $band_done
        loop $masks
          local.get $mask
          i32.const 17
          i32.ge_u
          br_if $band_done
          ;; the value itself, then with each of its bits turned
          ${address("$q", "$band", 1)}
          i32.load16_u
          i32.const 1
          local.get $mask
          i32.shl
          i32.const 1
          i32.shr_u
          i32.xor
          local.set $key
          ${BUCKET}
          local.get $w
          local.get $h
          i32.load
          i32.store
          local.get $w
          local.get $h
          i32.load offset=4
          i32.store offset=4
          local.get $w
          i32.const 8
          i32.add
          local.set $w
          ${again("$mask", 1, "$masks")}
        end
      end
      ${again("$band", 1, "$bands")}
    end
  end
  local.get $w`,
};

/** Reads a number of every 64 bytes of neighbours, at most 16 times a bucket, so that they are on their way; returns nothing of use. */
export const touch: WasmFunction = {
  name: "touch",
  params: ["q", "ranges", "layout"],
  i32: ["offsets", "ids", "hashes", "neighbours", "probe", "h", "at", "hi", "seen"],
  v128: [],
  body: `
  ${LAYOUT}
  block $done
    loop $probes
      local.get $probe
      i32.const ${PROBES}
      i32.ge_u
      br_if $done
      ${address("$ranges", "$probe", 3)}
      local.tee $h
      i32.load
      local.set $at
      local.get $h
      i32.load offset=4
      local.set $hi
      local.get $hi
      local.get $at
      i32.const 512
      i32.add
      i32.ge_u
      if
        local.get $at
        i32.const 512
        i32.add
        local.set $hi
      end
      block $bucket_done
        loop $lines
          local.get $at
          local.get $hi
          i32.ge_u
          br_if $bucket_done
          ${address("$neighbours", "$at", 1)}
          i32.load16_u
          local.get $seen
          i32.add
          local.set $seen
          ${again("$at", 32, "$lines")}
        end
      end
      ${again("$probe", 1, "$probes")}
    end
  end
  local.get $seen`,
};

/** Of the first `count` numbers at `list` (one in 8 bytes), reads what each means: at the number shifted by `shift` from `base`. As {@link touch}. */
export const touchEach: WasmFunction = {
  name: "touchEach",
  params: ["list", "count", "base", "shift"],
  i32: ["end", "seen"],
  v128: [],
  body: `
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
      local.get $shift
      i32.shl
      local.get $base
      i32.add
      i32.load
      local.get $seen
      i32.add
      local.set $seen
      ${again("$list", 8, "$each")}
    end
  end
  local.get $seen`,
};
