/** Pieces of WebAssembly's text format that several of the loops are made of. They use the locals that they name. */

/** A posting's number is the hash's place in so many bits, and above them as many of the third band's lowest as there is room for. */
export const PLACE_BITS = 25;
export const THIRD_MASK = 0x7f;
export const PLACE_MASK = 0x1ff_ffff;

/** Bits set in vector `sums` (16 counts of bytes) together, into `distance`. */
const ADD_UP = `
  i16x8.extadd_pairwise_i8x16_u
  i32x4.extadd_pairwise_i16x8_u
  local.tee $sums
  i32x4.extract_lane 0
  local.get $sums
  i32x4.extract_lane 1
  i32.add
  local.get $sums
  i32x4.extract_lane 2
  i32.add
  local.get $sums
  i32x4.extract_lane 3
  i32.add
  local.set $distance`;

/** The differing bits of the hash at `h`, and their number. */
export const COMPARE_256 = `
  local.get $h
  v128.load
  local.get $q0
  v128.xor
  i8x16.popcnt
  local.tee $x0
  local.get $h
  v128.load offset=16
  local.get $q1
  v128.xor
  i8x16.popcnt
  local.tee $x1
  i8x16.add
  ${ADD_UP}`;

/** ... of 64 bits: the upper half of `q0` and of what is loaded is empty. */
export const COMPARE_64 = `
  local.get $h
  v128.load64_zero
  local.get $q0
  v128.xor
  local.tee $x0
  i8x16.popcnt
  ${ADD_UP}`;

export const WRITE = `
  local.get $w
  local.get $place
  i32.store
  local.get $w
  local.get $distance
  i32.store offset=4
  local.get $w
  i32.const 8
  i32.add
  local.set $w`;
/** `layout` points at four addresses: offsets, ids, hashes, neighbours. */
export const LAYOUT = `
  local.get $layout
  i32.load
  local.set $offsets
  local.get $layout
  i32.load offset=4
  local.set $ids
  local.get $layout
  i32.load offset=8
  local.set $hashes
  local.get $layout
  i32.load offset=12
  local.set $neighbours`;

/** Sets `h` to where the bucket of `key` in band `band` has its beginning and its end among the offsets. */
export const BUCKET = `
  local.get $offsets
  local.get $band
  i32.const 16
  i32.shl
  local.get $key
  i32.or
  i32.const 2
  i32.shl
  i32.add
  local.set $h`;

/** Counts `name` up by `step` and goes round again. */
export const again = (name: string, step: number, loop: string): string => `
  local.get ${name}
  i32.const ${step}
  i32.add
  local.set ${name}
  br ${loop}`;

export const address = (base: string, index: string, shift: number): string => `
  local.get ${base}
  local.get ${index}
  i32.const ${shift}
  i32.shl
  i32.add`;

export const PROBES = 272;
