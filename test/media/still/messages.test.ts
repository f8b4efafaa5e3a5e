import { expect, test } from "vitest";
import { createMessageReader, lengthsOf } from "../../../src/media/still/messages.js";

const message = (header: string, body = "") => Buffer.concat([lengthsOf(header.length, body.length), Buffer.from(header + body)]);

test("an answer is put together from however many pieces", async () => {
  const reader = createMessageReader();
  const answer = reader.next(4);
  for (const byte of message('{"a":1}', "body")) expect(reader.push(Buffer.of(byte))).toBe(true);
  expect(await answer).toEqual({ header: { a: 1 }, body: Buffer.from("body") });
});

test.each([
  ["a longer body than was asked for", message("{}", "12345")],
  ["a header without end", lengthsOf(0xffffffff, 0)],
  ["a header that is no JSON", message("{]")],
  ["two answers", Buffer.concat([message("{}"), message("{}")])],
])("%s is not read", (_, bytes) => {
  const reader = createMessageReader();
  reader.next(4).catch(() => {});
  expect(reader.push(bytes)).toBe(false);
});

test("what nobody asked for is not read", () => {
  expect(createMessageReader().push(Buffer.of(1))).toBe(false);
});

test("whoever waits, or asks later, learns why there is no answer", async () => {
  const reader = createMessageReader();
  const answer = reader.next(0);
  reader.fail(new Error("it has ended"));
  await expect(answer).rejects.toThrow("it has ended");
  await expect(reader.next(0)).rejects.toThrow("it has ended");
});
