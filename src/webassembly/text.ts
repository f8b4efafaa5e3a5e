/** Pieces of WebAssembly's text format, so that a loop reads as nested expressions: operands first, then the instruction. */

export const of = (instruction: string, ...operands: string[]): string => [...operands, instruction].join("\n");
export const get = (name: string): string => `local.get $${name}`;
export const set = (name: string, value: string): string => of(`local.set $${name}`, value);
export const constant = (value: number): string => `i32.const ${value}`;
export const lines = (...parts: string[]): string => parts.join("\n");

export const plus = (...operands: string[]): string => operands.reduce((sum, operand) => of("i32.add", sum, operand));
export const minus = (a: string, b: string): string => of("i32.sub", a, b);
export const times = (a: string, b: string): string => of("i32.mul", a, b);
export const increase = (name: string, by: string): string => set(name, plus(get(name), by));

export const when = (condition: string, body: string): string => `${condition}\nif\n${body}\nend`;

/** Goes round as long as the condition, looked at first, is not 0. */
export const whilst = (condition: string, body: string): string =>
  `block $done\nloop $again\n${of("i32.eqz", condition)}\nbr_if $done\n${body}\nbr $again\nend\nend`;

/** Counts a local from its present value up to (and without) `end`, by `step`; compared as unsigned. */
export const upTo = (name: string, end: string, step: number, body: string): string =>
  whilst(of("i32.lt_u", get(name), end), lines(body, increase(name, constant(step))));

/** Bytes of a shuffle that takes these lanes of so many bytes; those of the second operand follow the first's. */
export const shuffle = (bytes: number, lanes: number[], a: string, b: string): string =>
  of(`i8x16.shuffle ${lanes.flatMap((lane) => Array.from({ length: bytes }, (_, i) => bytes * lane + i)).join(" ")}`, a, b);
