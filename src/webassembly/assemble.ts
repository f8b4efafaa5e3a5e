/**
 * A very small assembler: functions in WebAssembly's flat text format (one instruction a line, comments after `;;`) to a binary
 * module that imports its memory as `env.memory`. It knows the instructions that {@link OPCODES} lists. Opcodes are those of the
 * WebAssembly specification 2.0, sections 5.4 (instructions) and 5.5 (modules).
 */
export interface WasmFunction {
  name: string;
  /** All of type i32, as is the result. */
  params: string[];
  i32: string[];
  v128: string[];
  body: string;
}

const I32 = 0x7f;
const V128 = 0x7b;
const EMPTY_BLOCK = 0x40;

/** Base-two logarithm of the alignment that each load and store promises: none, as postings start anywhere. */
const UNALIGNED = 0;

const OPCODES = new Map<string, number[]>(
  Object.entries({
    block: [0x02],
    loop: [0x03],
    if: [0x04],
    end: [0x0b],
    br: [0x0c],
    br_if: [0x0d],
    return: [0x0f],
    "local.get": [0x20],
    "local.set": [0x21],
    "local.tee": [0x22],
    "i32.load": [0x28],
    "f64.load": [0x2b],
    "i32.load8_u": [0x2d],
    "i32.load16_u": [0x2f],
    "i32.store": [0x36],
    "f64.store": [0x39],
    "i32.const": [0x41],
    "i32.eqz": [0x45],
    "i32.eq": [0x46],
    "i32.ne": [0x47],
    "i32.lt_u": [0x49],
    "i32.le_u": [0x4d],
    "i32.ge_u": [0x4f],
    "i32.ctz": [0x68],
    "i32.popcnt": [0x69],
    "i32.add": [0x6a],
    "i32.sub": [0x6b],
    "i32.mul": [0x6c],
    "i32.div_u": [0x6e],
    "i32.and": [0x71],
    "i32.or": [0x72],
    "i32.xor": [0x73],
    "i32.shl": [0x74],
    "i32.shr_u": [0x76],
    "f64.add": [0xa0],
    "f64.sub": [0xa1],
    "f64.mul": [0xa2],
    "f64.convert_i32_s": [0xb7],
    "v128.load": [0xfd, 0x00],
    "v128.load8x8_u": [0xfd, 0x02],
    "v128.load32_splat": [0xfd, 0x09],
    "v128.load64_splat": [0xfd, 0x0a],
    "v128.store": [0xfd, 0x0b],
    "i8x16.shuffle": [0xfd, 0x0d],
    "i16x8.splat": [0xfd, 0x10],
    "i32x4.splat": [0xfd, 0x11],
    "i32x4.extract_lane": [0xfd, 0x1b],
    "i16x8.eq": [0xfd, 0x2d],
    "i16x8.le_u": [0xfd, 0x34],
    "f32x4.gt": [0xfd, 0x44],
    "f32x4.ge": [0xfd, 0x46],
    "v128.and": [0xfd, 0x4e],
    "v128.or": [0xfd, 0x50],
    "v128.xor": [0xfd, 0x51],
    "v128.any_true": [0xfd, 0x53],
    "v128.load32_zero": [0xfd, 0x5c],
    "v128.load64_zero": [0xfd, 0x5d],
    "f32x4.demote_f64x2_zero": [0xfd, 0x5e],
    "f64x2.promote_low_f32x4": [0xfd, 0x5f],
    "i8x16.popcnt": [0xfd, 0x62],
    "i8x16.bitmask": [0xfd, 0x64],
    "i8x16.narrow_i16x8_s": [0xfd, 0x65],
    "f32x4.trunc": [0xfd, 0x69],
    "i8x16.add": [0xfd, 0x6e],
    "i16x8.extadd_pairwise_i8x16_u": [0xfd, 0x7d],
    "i32x4.extadd_pairwise_i16x8_u": [0xfd, 0x7f],
    "i16x8.abs": [0xfd, 0x80, 0x01],
    "i16x8.bitmask": [0xfd, 0x84, 0x01],
    "i16x8.shl": [0xfd, 0x8b, 0x01],
    "i16x8.add": [0xfd, 0x8e, 0x01],
    "i16x8.sub": [0xfd, 0x91, 0x01],
    "i16x8.min_s": [0xfd, 0x96, 0x01],
    "i16x8.max_s": [0xfd, 0x98, 0x01],
    "i32x4.bitmask": [0xfd, 0xa4, 0x01],
    "i32x4.shl": [0xfd, 0xab, 0x01],
    "i32x4.shr_u": [0xfd, 0xad, 0x01],
    "i32x4.add": [0xfd, 0xae, 0x01],
    "i32x4.sub": [0xfd, 0xb1, 0x01],
    "i32x4.mul": [0xfd, 0xb5, 0x01],
    "i32x4.dot_i16x8_s": [0xfd, 0xba, 0x01],
    "f32x4.abs": [0xfd, 0xe0, 0x01],
    "f32x4.add": [0xfd, 0xe4, 0x01],
    "f32x4.sub": [0xfd, 0xe5, 0x01],
    "f32x4.mul": [0xfd, 0xe6, 0x01],
    "f32x4.div": [0xfd, 0xe7, 0x01],
    "f64x2.add": [0xfd, 0xf0, 0x01],
    "f64x2.sub": [0xfd, 0xf1, 0x01],
    "f64x2.mul": [0xfd, 0xf2, 0x01],
    "f64x2.div": [0xfd, 0xf3, 0x01],
    "i32x4.trunc_sat_f32x4_s": [0xfd, 0xf8, 0x01],
    "f32x4.convert_i32x4_s": [0xfd, 0xfa, 0x01],
    "i32x4.trunc_sat_f64x2_s_zero": [0xfd, 0xfc, 0x01],
    "f64x2.convert_low_i32x4_s": [0xfd, 0xfe, 0x01],
  }),
);

/** Limits of the memory that a module imports (WebAssembly 2.0, 5.3.8 and the threads proposal): shared ones say how large they may become. */
const OWN_MEMORY = [0x00, 0x00];
const sharedMemory = (maximumPages: number) => [0x03, ...unsigned(1), ...unsigned(maximumPages)];

/**
 * A module that exports the functions.
 *
 * @param maximumPages for a memory that threads share: no less (of 64 KiB) than any memory's that is handed to it.
 */
export function assemble(functions: WasmFunction[], maximumPages?: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params }) => [0x60, ...vector(params.map(() => [I32])), ...vector([[I32]])]);
  const limits = maximumPages === undefined ? OWN_MEMORY : sharedMemory(maximumPages);
  const memory = [...text("env"), ...text("memory"), 0x02, ...limits];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map(({ name }, i) => [...text(name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(functions.map((f) => sized(code(f))))),
  ]);
}

function code({ params, i32, v128, body }: WasmFunction): number[] {
  const locals = [...params, ...i32, ...v128];
  const labels: string[] = [];
  const bytes = body.split("\n").flatMap((line) => instruction(line.replace(/;;.*/, "").trim(), locals, labels));
  const declared = vector([
    [...unsigned(i32.length), I32],
    [...unsigned(v128.length), V128],
  ]);
  return [...declared, ...bytes, 0x0b];
}

function instruction(line: string, locals: string[], labels: string[]): number[] {
  if (line === "") return [];
  const [name, ...operands] = line.split(/\s+/);
  const opcode = OPCODES.get(name);
  if (!opcode) throw new Error(`assemble: unknown instruction in ${JSON.stringify(line)}`);
  if (name === "block" || name === "loop" || name === "if") {
    labels.push(operands[0]?.replace("$", "") ?? "");
    return [...opcode, EMPTY_BLOCK];
  }
  if (name === "end") labels.pop();
  if (name.startsWith("br")) return [...opcode, ...unsigned(labels.length - 1 - placeOf(operands[0], labels, line))];
  if (name.startsWith("local.")) return [...opcode, ...unsigned(placeOf(operands[0], locals, line))];
  if (/\.(load|store)/.test(name)) return [...opcode, UNALIGNED, ...unsigned(Number(operands[0]?.replace("offset=", "") ?? 0))];
  if (name === "i32.const") return [...opcode, ...signed(Number(operands[0]))];
  return [...opcode, ...operands.map(Number)];
}

function placeOf(name: string, names: string[], line: string): number {
  const place = names.lastIndexOf(name.replace("$", ""));
  if (place < 0) throw new Error(`assemble: unknown name in ${JSON.stringify(line)}`);
  return place;
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(Math.floor(value / 0x80))];
}

function signed(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const sized = (bytes: number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, bytes: number[]): number[] => [id, ...sized(bytes)];
const vector = (items: number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => sized([...Buffer.from(value)]);
