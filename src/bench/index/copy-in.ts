import { once } from "node:events";
import type { Writable } from "node:stream";
import type pg from "pg";

interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  stream: Writable;
}

/** "PGCOPY\n", 4 bytes more, no flags, no extension. */
const HEADER = Buffer.from("5047434f50590aff0d0a000000000000000000", "hex");
/** Types by their numbers in the catalogue. */
const INT2 = 21;
const INT4 = 23;
const TRAILER = Buffer.from("ffff", "hex");

/** Runs `copy <target> from stdin (format binary)` with these chunks of rows, at the speed the server takes them. */
export function copyIn(client: pg.Client, target: string, chunks: Iterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    const send = async (connection: CopyConnection) => {
      connection.sendCopyFromChunk(HEADER);
      for (const chunk of chunks) {
        connection.sendCopyFromChunk(chunk);
        if (connection.stream.writableNeedDrain) await once(connection.stream, "drain");
        if (failure) return;
      }
      connection.sendCopyFromChunk(TRAILER);
      connection.endCopyFrom();
    };
    const query = {
      submit: (connection: CopyConnection) => connection.query(`copy ${target} from stdin (format binary)`),
      handleCopyInResponse: (connection: CopyConnection) => void send(connection).catch(reject),
      handleCommandComplete: () => {},
      handleReadyForQuery: () => (failure ? reject(failure) : resolve()),
      handleError: (error: Error) => {
        failure = error;
        reject(error);
      },
    };
    client.query(query as unknown as pg.Submittable);
  });
}

/** Writes rows of COPY's binary format into one buffer after another. */
export function createRows(bytes: number) {
  let buffer = Buffer.allocUnsafe(bytes);
  let at = 0;
  const field = (size: number, write: (at: number) => void) => {
    buffer.writeInt32BE(size, at);
    write(at + 4);
    at += 4 + size;
  };
  /** An array of one dimension, without nulls: a header, then each element with its size. */
  const array = (type: number, size: number, values: number[], write: (value: number, to: number) => void) =>
    field(20 + (4 + size) * values.length, (to) => {
      for (const [i, header] of [1, 0, type, values.length, 1].entries()) buffer.writeInt32BE(header, to + 4 * i);
      values.forEach((value, i) => {
        const at = to + 20 + (4 + size) * i;
        write(value, buffer.writeInt32BE(size, at));
      });
    });
  return {
    row: (fields: number) => {
      at = buffer.writeInt16BE(fields, at);
    },
    int32: (value: number) => field(4, (to) => buffer.writeInt32BE(value, to)),
    int16: (value: number) => field(2, (to) => buffer.writeInt16BE(value, to)),
    int64: (value: bigint) => field(8, (to) => buffer.writeBigInt64BE(value, to)),
    /** One number of 64 bits, upper half first. */
    int32Pair: (upper: number, lower: number) => field(8, (to) => buffer.writeInt32BE(lower, buffer.writeInt32BE(upper, to))),
    bytes: (value: Uint8Array) => field(value.length, (to) => buffer.set(value, to)),
    /** 256 bits. */
    bits: (value: Uint8Array) =>
      field(36, (to) => {
        buffer.writeInt32BE(256, to);
        buffer.set(value, to + 4);
      }),
    int32s: (values: number[]) => array(INT4, 4, values, (value, to) => buffer.writeInt32BE(value, to)),
    int16s: (values: number[]) => array(INT2, 2, values, (value, to) => buffer.writeInt16BE(value, to)),
    nulls: (count: number) => {
      for (let i = 0; i < count; i++) at = buffer.writeInt32BE(-1, at);
    },
    room: () => bytes - at,
    /** What was written since. */
    take: (): Buffer => {
      const taken = buffer.subarray(0, at);
      buffer = Buffer.allocUnsafe(bytes);
      at = 0;
      return taken;
    },
  };
}
