import { FieldError } from "./entry.js";

/** Chunks of UTF-8 as text. @throws FieldError when they are not UTF-8. */
export async function* textOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new FieldError("file", "is not UTF-8: save it as UTF-8");
    throw error;
  }
}
