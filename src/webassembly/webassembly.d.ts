/** The little of WebAssembly's interface that is used here; TypeScript has it only together with a browser's. */
declare namespace WebAssembly {
  class Memory<B extends ArrayBuffer | SharedArrayBuffer = SharedArrayBuffer> {
    constructor(size: B extends SharedArrayBuffer ? { initial: number; maximum: number; shared: true } : { initial: number });
    readonly buffer: B;
    /** By so many pages of 64 KiB; the buffer is another one afterwards. */
    grow(pages: number): number;
  }
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>);
  }
  class Instance {
    constructor(module: Module, imports: { env: { memory: Memory<ArrayBuffer> | Memory } });
    readonly exports: Record<string, unknown>;
  }
}
