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
