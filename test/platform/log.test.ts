import { describe, expect, it } from "vitest";
import { createLog, HIDDEN_KEYS } from "../../src/platform/log.js";

function record(level: string) {
  const lines: string[] = [];
  return { log: createLog(level, { write: (line: string) => void lines.push(line) }), lines };
}

const URL = "https://media.example/secret.mp4?sig=abc";
const SHA256 = "a".repeat(64);

describe("the log", () => {
  it.each(HIDDEN_KEYS)("hides %s above debug, at the top and at any depth", (key) => {
    const { log, lines } = record("info");
    log.info({ [key]: "shown-nowhere" }, "top");
    log.warn({ job: { list: [{ deeper: { [key]: { id: "shown-nowhere" } } }] } }, "nested");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).not.toContain("shown-nowhere");
    expect(JSON.parse(lines[0])).toMatchObject({ level: "info", msg: "top", [key]: "[hidden]" });
  });

  it("hides URLs and hashes inside messages and errors, and keeps the rest", () => {
    const { log, lines } = record("info");
    log.error(new Error(`cannot fetch ${URL}`, { cause: new Error(`hash ${SHA256}`) }));
    log.error({ err: new Error(`cannot fetch ${URL}`) }, `while reading ${URL}`);
    log.error({ submissionId: "post-1", detail: `Key (sha256)=(${SHA256})` }, "hash %s", SHA256);
    for (const line of lines) {
      expect(line).not.toContain("media.example");
      expect(line).not.toContain(SHA256);
    }
    expect(JSON.parse(lines[0])).toMatchObject({ msg: "cannot fetch [hidden url]", err: { type: "Error" } });
    expect(JSON.parse(lines[2])).toMatchObject({ submissionId: "post-1", msg: "hash [hidden hash]" });
  });

  it("hides a database address with its password", () => {
    const { log, lines } = record("info");
    log.warn("connecting to postgresql://reupload:hunter2@127.0.0.1:5432/reupload failed");
    expect(lines[0]).not.toContain("hunter2");
  });

  it.each([
    ["a service's token", "token rup_0123456789abcdefghij was refused", "rup_0123456789"],
    ["a webhook's secret", "signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8G"],
    ["a header", "sent authorization: Bearer abcdefgh12345678", "abcdefgh"],
    ["a password in words", 'host=db password="hunter2" user=x', "hunter2"],
    ["a secret in a form", "grant_type=code&client_secret=hunter2&x=1", "hunter2"],
    ["an e-mail address", "550 no such user ana.k@mail.example here", "ana.k"],
  ])("hides %s inside a text", (_, text, secret) => {
    const { log, lines } = record("info");
    log.warn({ err: new Error(text) }, text);
    expect(lines[0]).not.toContain(secret);
  });

  it("keeps what an error of PostgreSQL says without the rows and values that it quotes", () => {
    const { log, lines } = record("info");
    const facts = { severity: "ERROR", detail: "Failing row contains (ana-77, a note).", where: "COPY x, line 1: ana-77" };
    log.error({ err: Object.assign(new Error("violates check"), { ...facts, code: "23514", table: "case", constraint: "c" }) });
    log.error({ err: Object.assign(new Error('invalid input syntax for type uuid: "ana-77"'), { ...facts, code: "22P02" }) });
    for (const line of lines) expect(line).not.toMatch(/ana-77|a note/);
    expect(JSON.parse(lines[0]).err).toMatchObject({ code: "23514", table: "case", constraint: "c", message: "violates check" });
    expect(JSON.parse(lines[1]).err.message).toBe('invalid input syntax for type uuid: "[hidden]"');
  });

  it("hides what a child log carries, also at debug", () => {
    const { log, lines } = record("debug");
    log
      .child({ pageUrl: URL, submissionId: "post-1" })
      .child({ job: { url: URL } })
      .debug("hello");
    expect(JSON.parse(lines[0])).toMatchObject({ pageUrl: "[hidden]", submissionId: "post-1", job: { url: "[hidden]" } });
  });

  it("shows everything on debug lines", () => {
    const { log, lines } = record("debug");
    log.debug({ url: URL }, "fetching");
    expect(JSON.parse(lines[0])).toMatchObject({ url: URL });
  });

  it("leaves out the objects that libraries hang on their errors", () => {
    const { log, lines } = record("info");
    log.warn({ err: Object.assign(new Error("gone"), { code: "57P01", client: { host: "db.internal" } }) }, "lost");
    expect(JSON.parse(lines[0]).err).toMatchObject({ type: "Error", message: "gone", code: "57P01" });
    expect(lines[0]).not.toContain("db.internal");
  });

  it("copes with objects that contain themselves", () => {
    const { log, lines } = record("info");
    const loop: Record<string, unknown> = { name: "loop" };
    loop.self = loop;
    log.info({ loop }, "fine");
    expect(lines).toHaveLength(1);
  });
});
