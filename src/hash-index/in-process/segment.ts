import { PLACE_BITS, THIRD_MASK } from "./kernel/snippets.js";
import { type Kernel, kernelOn, MAXIMUM_PAGES, NO_MORE } from "./kernel.js";
import { type Column, type ColumnType, SHAPES, type Shape, type ShapeName } from "./shape.js";

/**
 * A part of the index: hashes with their columns, and (when `indexed`) for each band the postings, sorted by the band's value, as
 * compressed sparse rows. Everything is in shared memory, so a segment can be handed from thread to thread at no cost.
 */
export interface Segment {
  id: number;
  shape: ShapeName;
  memory: WebAssembly.Memory;
  capacity: number;
  count: number;
  indexed: boolean;
  columns: Column[];
}

/** Threads that may search one segment at a time; each has a slot of its own for its query and its hits. */
export const SLOTS = 16;

/** Places looked at, and pairs written, in one call of the kernel. */
const PAIRS = 1024;

/** In a slot: the query, its buckets' bounds, postings, places, pairs. */
const RANGES = 64;
const LIST = RANGES + 8 * 272;
const PLACES = LIST + 8 * PAIRS;
const OUT = PLACES + 8 * PAIRS;
const SLOT_BYTES = OUT + 8 * PAIRS;
const LAYOUT_AT = SLOTS * SLOT_BYTES;
const HASHES_AT = LAYOUT_AT + 64;
const VALUES = 65_536;
const PAGE_BYTES = 65_536;

/** WebAssembly addresses 4 GiB and a posting a place of some bits, so a segment ends there; more hashes are more segments. */
export function segmentLimit(name: ShapeName): number {
  const room = Math.floor((MAXIMUM_PAGES * PAGE_BYTES - HASHES_AT - offsetBytes(SHAPES[name]) - 256) / bytesEach(SHAPES[name]));
  return SHAPES[name].ring ? Math.min(room, 2 ** PLACE_BITS) : room;
}

const bytesEach = ({ hashBytes, bands, ring }: Shape): number => hashBytes + bands * (ring ? 6 : 4);
const offsetBytes = ({ bands }: Shape): number => 4 * (bands * VALUES + 1);
const aligned = (at: number): number => Math.ceil(at / 64) * 64;

interface Places {
  offsets: number;
  ids: number;
  neighbours: number;
  end: number;
}

function placesOf(shape: Shape, capacity: number, indexed: boolean): Places {
  const offsets = aligned(HASHES_AT + capacity * shape.hashBytes);
  if (!indexed) return { offsets, ids: offsets, neighbours: offsets, end: offsets };
  const ids = aligned(offsets + offsetBytes(shape));
  const neighbours = aligned(ids + 4 * shape.bands * capacity);
  // A vector of neighbours may be read past the last one.
  const end = neighbours + (shape.ring ? 2 * shape.bands * capacity : 0) + 64;
  return { offsets, ids, neighbours, end };
}

/** Memory for `capacity` hashes; with room for postings when it is to be indexed. */
export function allocateSegment(id: number, name: ShapeName, capacity: number, indexed: boolean): Segment {
  const shape = SHAPES[name];
  const { offsets, ids, neighbours, end } = placesOf(shape, capacity, indexed);
  const pages = Math.ceil(end / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  new Uint32Array(memory.buffer, LAYOUT_AT, 4).set([offsets, ids, HASHES_AT, neighbours]);
  const columns = shape.columns.map(([, type]) => columnOf(type, capacity));
  return { id, shape: name, memory, capacity, count: 0, indexed, columns };
}

function columnOf(type: ColumnType, capacity: number): Column {
  const buffer = new SharedArrayBuffer(type.BYTES_PER_ELEMENT * capacity);
  if (type === Float64Array) return new Float64Array(buffer);
  return type === Uint16Array ? new Uint16Array(buffer) : new Uint32Array(buffer);
}

/** All the memory it holds. */
export const bytesOf = ({ memory, columns }: Segment): number =>
  memory.buffer.byteLength + columns.reduce((sum, column) => sum + column.byteLength, 0);

/** Room for the hashes, one after the other. */
export const hashesOf = ({ memory, shape, capacity }: Segment): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(memory.buffer, HASHES_AT, capacity * SHAPES[shape].hashBytes);

/** A copy of one hash. */
export function hashAt(segment: Segment, place: number): Uint8Array<ArrayBuffer> {
  const { hashBytes } = SHAPES[segment.shape];
  return Uint8Array.from(new Uint8Array(segment.memory.buffer, HASHES_AT + place * hashBytes, hashBytes));
}

/**
 * Fills the postings, band after band, by counting: first by the upper half of the values, then by the lower, so that what is written to
 * at a time fits the cache (a fourth of the time of counting by the whole value).
 */
export function fillPostings(segment: Segment): void {
  const shape = SHAPES[segment.shape];
  const { memory, count, capacity } = segment;
  const { offsets, ids, neighbours } = placesOf(shape, capacity, true);
  const words = new Uint16Array(memory.buffer, HASHES_AT, (count * shape.hashBytes) / 2);
  const out = {
    offsets: new Uint32Array(memory.buffer, offsets, shape.bands * VALUES + 1),
    ids: new Uint32Array(memory.buffer, ids, shape.bands * count),
    neighbours: new Uint16Array(memory.buffer, neighbours, shape.ring ? shape.bands * count : 0),
  };
  const halfway = { values: new Uint8Array(count), ids: new Uint32Array(count), neighbours: new Uint16Array(count) };
  for (let band = 0; band < shape.bands; band++) {
    const starts = startsOf(words, shape.bands, band, count);
    out.offsets.set(starts.subarray(0, VALUES), band * VALUES);
    byUpperHalf(words, band, shape, starts, halfway);
    byLowerHalf(starts, band * count, halfway, out);
  }
  out.offsets[shape.bands * VALUES] = shape.bands * count;
}

type Postings = { ids: Uint32Array; neighbours: Uint16Array };

/** Postings of one band in order of their values' upper bytes, with the lower bytes. */
function byUpperHalf(
  words: Uint16Array,
  band: number,
  { bands, ring }: Shape,
  starts: Uint32Array,
  halfway: Postings & { values: Uint8Array },
): void {
  const next = Uint32Array.from({ length: 256 }, (_, upper) => starts[256 * upper] - starts[0]);
  const [nextBand, thirdBand] = [(band + 1) % bands, (band + 2) % bands];
  for (let place = 0, word = 0; word < words.length; place++, word += bands) {
    const value = words[word + band];
    const at = next[value >> 8]++;
    halfway.values[at] = value;
    halfway.ids[at] = ring ? place | ((words[word + thirdBand] & THIRD_MASK) << PLACE_BITS) : place;
    halfway.neighbours[at] = words[word + nextBand];
  }
}

function byLowerHalf(starts: Uint32Array, first: number, halfway: Postings & { values: Uint8Array }, out: Postings): void {
  const hasNeighbours = out.neighbours.length > 0;
  const next = new Uint32Array(256);
  for (let upper = 0; upper < 256; upper++) {
    next.set(starts.subarray(256 * upper, 256 * upper + 256));
    const end = starts[256 * upper + 256] - first;
    for (let from = starts[256 * upper] - first; from < end; from++) {
      const at = next[halfway.values[from]]++;
      out.ids[at] = halfway.ids[from];
      if (hasNeighbours) out.neighbours[at] = halfway.neighbours[from];
    }
  }
}

/** The places with one value of a band, and each one's next band; values are those of 16-bit words in memory. */
export function postingsOf(segment: Segment, band: number, value: number): { places: Uint32Array; next: Uint16Array } {
  const { memory, capacity } = segment;
  const { offsets, ids, neighbours } = placesOf(SHAPES[segment.shape], capacity, true);
  const [from, to] = new Uint32Array(memory.buffer, offsets + 4 * (band * VALUES + value), 2);
  return {
    places: new Uint32Array(memory.buffer, ids + 4 * from, to - from).map((entry) => entry & (2 ** PLACE_BITS - 1)),
    next: new Uint16Array(memory.buffer, neighbours + 2 * from, to - from),
  };
}

/** Where the postings of each value of a band begin. */
function startsOf(words: Uint16Array, bands: number, band: number, count: number): Uint32Array {
  const starts = new Uint32Array(VALUES + 1);
  for (let word = band; word < count * bands; word += bands) starts[words[word] + 1]++;
  starts[0] = band * count;
  for (let value = 0; value < VALUES; value++) starts[value + 1] += starts[value];
  return starts;
}

/** Segments in one, indexed, without the hashes of references that are gone; `isGone` is by a reference's number. */
export function mergeSegments(id: number, parts: Segment[], isGone: Uint8Array): Segment {
  const kept = parts.map(({ columns, count }) => {
    let alive = 0;
    for (let place = 0; place < count; place++) if (isGone[columns[0][place]] !== 1) alive++;
    return alive;
  });
  const total = kept.reduce((sum, alive) => sum + alive, 0);
  const merged = allocateSegment(id, parts[0].shape, total, true);
  for (const part of parts) copyAlive(part, merged, isGone);
  fillPostings(merged);
  return merged;
}

function copyAlive(from: Segment, to: Segment, isGone: Uint8Array): void {
  const words = SHAPES[from.shape].hashBytes / 4;
  const source = new Uint32Array(from.memory.buffer, HASHES_AT, from.capacity * words);
  const target = new Uint32Array(to.memory.buffer, HASHES_AT, to.capacity * words);
  for (let place = 0; place < from.count; place++) {
    if (isGone[from.columns[0][place]] === 1) continue;
    for (let word = 0; word < words; word++) target[to.count * words + word] = source[place * words + word];
    for (let c = 0; c < from.columns.length; c++) to.columns[c][to.count] = from.columns[c][place];
    to.count++;
  }
}

/** Room that grows for hits: four numbers each, which are query, segment's id, place and distance. */
export interface HitList {
  numbers: Uint32Array<ArrayBuffer>;
  length: number;
}

export const HIT_NUMBERS = 4;

export const emptyHits = (): HitList => ({ numbers: new Uint32Array(HIT_NUMBERS * 256), length: 0 });

/** A searcher of one segment, in one thread: `slot` is the thread's number, below {@link SLOTS}. */
export function searcherOf(segment: Segment, slot: number): Searcher {
  const kernel = kernelOn(segment.memory);
  const at = slot * SLOT_BYTES;
  const words = new Uint32Array(segment.memory.buffer, at, SLOT_BYTES / 4);
  const { ids } = placesOf(SHAPES[segment.shape], segment.capacity, segment.indexed);
  return { segment, kernel, at, ids, bytes: new Uint8Array(segment.memory.buffer, at, 64), words };
}

export interface Searcher {
  segment: Segment;
  kernel: Kernel;
  at: number;
  ids: number;
  bytes: Uint8Array;
  words: Uint32Array;
}

/** Adds to `hits` the places of the first `count` hashes that are within `withinBits` of one of the queries, which lie end to end. */
export function search(searcher: Searcher, queries: Uint8Array, count: number, withinBits: number, hits: HitList): void {
  const { segment, bytes, words } = searcher;
  const { hashBytes, ring } = SHAPES[segment.shape];
  const step = segment.indexed && ring ? byPostings : byOneLoop;
  for (let query = 0; query * hashBytes < queries.length; query++) {
    bytes.set(queries.subarray(query * hashBytes, (query + 1) * hashBytes));
    bytes[32] = bytes[0];
    bytes[33] = bytes[1];
    bytes[34] = bytes[2];
    bytes[35] = bytes[3];
    words[10] = 0;
    words[11] = 0;
    for (let begun = false; words[10] !== NO_MORE; begun = true) {
      const pairs = step(searcher, count, withinBits, begun);
      for (let pair = 0, at = OUT / 4; pair < pairs; pair++, at += 2) push(hits, query, segment.id, words[at], words[at + 1]);
    }
  }
}

function byPostings({ kernel, at, ids }: Searcher, _count: number, withinBits: number, begun: boolean): number {
  if (!begun) {
    kernel.gather(at, at + RANGES, LAYOUT_AT);
    kernel.touch(at, at + RANGES, LAYOUT_AT);
  }
  const found = kernel.filter(at, at + RANGES, at + LIST, PAIRS, LAYOUT_AT);
  kernel.touchEach(at + LIST, found, ids, 2);
  const located = kernel.locate(at, at + LIST, at + PLACES, found, LAYOUT_AT);
  kernel.touchEach(at + PLACES, located, HASHES_AT, 5);
  return kernel.verify(at, at + PLACES, located, at + OUT, withinBits, LAYOUT_AT);
}

function byOneLoop({ segment, kernel, at }: Searcher, count: number, withinBits: number): number {
  const { indexed, linear } = SHAPES[segment.shape];
  if (segment.indexed) return kernel[indexed](at, at + OUT, PAIRS, withinBits, LAYOUT_AT, count);
  return kernel[linear](at, at + OUT, PAIRS, withinBits, HASHES_AT, count);
}

function push(hits: HitList, query: number, segment: number, place: number, distance: number): void {
  if (HIT_NUMBERS * (hits.length + 1) > hits.numbers.length) {
    const larger = new Uint32Array(2 * hits.numbers.length);
    larger.set(hits.numbers);
    hits.numbers = larger;
  }
  const at = HIT_NUMBERS * hits.length++;
  hits.numbers[at] = query;
  hits.numbers[at + 1] = segment;
  hits.numbers[at + 2] = place;
  hits.numbers[at + 3] = distance;
}
