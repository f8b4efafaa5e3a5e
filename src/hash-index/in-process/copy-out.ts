import type pg from "pg";

/** What a query has to be for `pg` to run it itself (its `Submittable`), with the messages of COPY. */
interface CopyQuery {
  submit(connection: { query(text: string): void }): void;
  handleCopyData(message: { chunk: Buffer }): void;
  handleCommandComplete(): void;
  handleReadyForQuery(): void;
  handleError(error: Error): void;
}

/** "PGCOPY\n", 4 bytes more, flags, length of an extension. */
const HEADER_BYTES = 19;

/**
 * Runs `copy (select …) to stdout (format binary)` and calls `onRow` with each row: the message, and where its first field's length stands
 * (4 bytes, big endian, then the field, then the next length). The bytes are only good during the call. The format is that of
 * PostgreSQL's documentation, COPY, "Binary Format"; the server sends each row in a message of its own.
 */
export function copyOut(client: pg.Client, select: string, onRow: (row: Buffer, at: number) => void): Promise<void> {
  let begun = false;
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    const query: CopyQuery = {
      submit: (connection) => connection.query(`copy (${select}) to stdout (format binary)`),
      handleCopyData: ({ chunk }) => {
        const at = begun ? 0 : HEADER_BYTES;
        begun = true;
        if (failure || chunk.length < at + 2 || chunk.readInt16BE(at) < 0) return;
        try {
          onRow(chunk, at + 2);
        } catch (error) {
          failure = error as Error;
        }
      },
      handleCommandComplete: () => {},
      handleReadyForQuery: () => (failure ? reject(failure) : resolve()),
      handleError: (error) => {
        failure = error;
        reject(error);
      },
    };
    client.query(query as unknown as pg.Submittable);
  });
}
