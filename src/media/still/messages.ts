/** An answer of the image decoder: whatever JSON it is, and bytes. */
export interface Message {
  header: unknown;
  body: Buffer;
}

export interface MessageReader {
  /** False when what comes is no answer that was asked for: too long, too early, or not JSON. */
  push(chunk: Buffer): boolean;
  /** The next answer, whose body has at most so many bytes. One at a time. */
  next(mostBodyBytes: number): Promise<Message>;
  /** No more answers will come. */
  fail(reason: unknown): void;
}

/** The delays of an animation's pages are the longest: a million of them. */
const MOST_HEADER_BYTES = 8 * 1024 ** 2;
const LENGTHS_BYTES = 8;

interface Waiting {
  mostBodyBytes: number;
  resolve(message: Message): void;
  reject(reason: unknown): void;
}

/** Cuts what the image decoder writes into answers. It may have been taken over: nothing is read beyond what was asked for. */
export function createMessageReader(): MessageReader {
  let chunks: Buffer[] = [];
  let held = 0;
  let waiting: Waiting | undefined;
  let failure: { reason: unknown } | undefined;

  const whole = (): Buffer => {
    if (chunks.length > 1) chunks = [Buffer.concat(chunks)];
    return chunks[0] ?? Buffer.alloc(0);
  };

  return {
    push(chunk) {
      if (!waiting) return false;
      chunks.push(chunk);
      held += chunk.length;
      if (held < LENGTHS_BYTES) return true;
      const start = chunks[0].length >= LENGTHS_BYTES ? chunks[0] : whole();
      const headerBytes = start.readUInt32LE(0);
      const bodyBytes = start.readUInt32LE(4);
      const total = LENGTHS_BYTES + headerBytes + bodyBytes;
      if (headerBytes > MOST_HEADER_BYTES || bodyBytes > waiting.mostBodyBytes || held > total) return false;
      if (held < total) return true;
      const message = parse(whole(), headerBytes);
      if (!message) return false;
      const { resolve } = waiting;
      waiting = undefined;
      chunks = [];
      held = 0;
      resolve(message);
      return true;
    },
    next: (mostBodyBytes) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure.reason);
        waiting = { mostBodyBytes, resolve, reject };
      }),
    fail(reason) {
      failure ??= { reason };
      waiting?.reject(reason);
      waiting = undefined;
    },
  };
}

function parse(bytes: Buffer, headerBytes: number): Message | undefined {
  const body = bytes.subarray(LENGTHS_BYTES + headerBytes);
  try {
    return { header: JSON.parse(bytes.toString("utf8", LENGTHS_BYTES, LENGTHS_BYTES + headerBytes)), body };
  } catch {
    return undefined;
  }
}

/** What goes before a header and a body of these lengths, in bytes. */
export function lengthsOf(headerBytes: number, bodyBytes: number): Buffer {
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32LE(headerBytes, 0);
  lengths.writeUInt32LE(bodyBytes, 4);
  return lengths;
}
