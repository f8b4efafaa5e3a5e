import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashFromHex, hashToHex } from "../../../src/fingerprint/hash.js";
import { listAudit } from "../../../src/platform/audit.js";
import { GOLDEN, GOLDEN_FOLDER } from "../../fingerprint/pictures.js";
import { image, video } from "../../media/support.js";
import { mediaServer, send } from "../../stories/support.js";
import { randomFrom, randomHash, turnBits } from "../../support/material.js";
import { form } from "../api/support.js";
import { type TestHma, testHma } from "./support.js";

let hma: TestHma;
let site: Awaited<ReturnType<typeof mediaServer>>;
beforeAll(async () => {
  hma = await testHma();
  site = await mediaServer((path, _nth, response) =>
    send(response, path.startsWith("/video") ? video("friday.mp4") : image("butterfly.jpg")),
  );
});
afterAll(async () => {
  await site.close();
  await hma.close();
});

const get = async (url: string) => {
  const response = await hma.ask({ url });
  return { status: response.statusCode, body: response.json() };
};
const send_ = async (method: "POST" | "PUT" | "DELETE", url: string, payload?: object) => {
  const response = await hma.ask({ method, url, ...(payload && { payload }) });
  return { status: response.statusCode, body: response.json() };
};
const upload = async (url: string, field: string, path: string, fields = {}) => {
  const response = await hma.ask({ method: "POST", url, ...form(fields, { field, name: "x.bin", bytes: readFileSync(path) }) });
  return { status: response.statusCode, body: response.json() };
};
const random = randomFrom(99);
const known = randomHash(random);
const near = hashToHex(turnBits(known, 4, random));
const far = hashToHex(turnBits(known, 32, random));
const asBank = (content: object[], bank: string) => ({ [bank]: content });

describe("status", () => {
  it("is told to anybody, as text", async () => {
    for (const url of ["/status", "/status/live"]) {
      const response = await hma.ask({ url }, null);
      expect([response.statusCode, response.body, response.headers["content-type"]]).toEqual([
        200,
        "I-AM-ALIVE",
        "text/plain; charset=utf-8",
      ]);
    }
  });

  it("of everything else needs a token with the right", async () => {
    const url = `/m/raw_lookup?signal_type=pdq&signal=${near}`;
    const refusal = await hma.ask({ url }, null);
    expect([refusal.statusCode, refusal.json()]).toEqual([401, { message: expect.stringContaining("send a service token") }]);
    expect((await hma.ask({ url }, ["hashes:write"])).json()).toEqual({ message: expect.stringContaining("hashes:read") });
    expect((await hma.ask({ method: "POST", url: "/c/banks", payload: { name: "X" } }, ["hashes:read"])).statusCode).toBe(403);
  });

  it("lists signal and content types, and all routes", async () => {
    expect((await get("/c/signal_type")).body).toEqual([
      { name: "pdq", enabled_ratio: 1 },
      { name: "vpdq", enabled_ratio: 1 },
    ]);
    expect((await get("/c/content_type")).body).toEqual([
      { name: "photo", enabled: true },
      { name: "video", enabled: true },
    ]);
    expect((await get("/site-map")).body).toEqual(expect.arrayContaining(["GET /m/lookup", "POST /c/bank/:bank/content"]));
  });
});

describe("banks", () => {
  it("are made (201), shown, changed and deleted as in HMA", async () => {
    expect(await send_("POST", "/c/banks", { name: "FIRST" })).toEqual({
      status: 201,
      body: { name: "FIRST", matching_enabled_ratio: 1 },
    });
    expect(await send_("POST", "/c/banks", { name: "FIRST" })).toEqual({ status: 403, body: { message: "Bank already exists" } });
    expect((await send_("PUT", "/c/bank/FIRST", { enabled: false })).body).toEqual({ name: "FIRST", matching_enabled_ratio: 0 });
    expect((await send_("PUT", "/c/bank/FIRST", { enabled_ratio: 0.5 })).body.matching_enabled_ratio).toBe(0.5);
    expect((await get("/c/banks")).body).toContainEqual({ name: "FIRST", matching_enabled_ratio: 0.5 });
    expect(await send_("DELETE", "/c/bank/FIRST")).toEqual({ status: 200, body: { message: "Done" } });
    expect(await get("/c/bank/FIRST")).toEqual({ status: 404, body: { message: "bank 'FIRST' not found" } });
    expect(await send_("DELETE", "/c/bank/FIRST")).toEqual({ status: 200, body: { message: "Done" } });
    expect((await send_("POST", "/c/banks", { name: "FIRST", enabled_ratio: "0.25" })).body).toEqual({
      name: "FIRST",
      matching_enabled_ratio: 0.25,
    });
  });

  it.each([
    [{ name: "lower" }, "Bank names must match [A-Z_][A-Z0-9_]*"],
    [{ name: "_FOO" }, "Bank names that begin with _ stand for cases of other names"],
    [{ name: "B", enabled_ratio: 2 }, "enabled_ratio must be from 0 to 1"],
    [{}, "name: "],
  ])("refuse %j", async (body, message) => {
    expect(await send_("POST", "/c/banks", body)).toEqual({ status: 400, body: { message: expect.stringContaining(message) } });
  });

  it("are cases of any id", async () => {
    await hma.app.database.pool.query(`insert into "case" (id) values ('C-17')`);
    expect((await get("/c/bank/_C_2D17")).body).toEqual({ name: "_C_2D17", matching_enabled_ratio: 1 });
    expect((await send_("PUT", "/c/bank/_C_2D17", { name: "OTHER" })).body).toEqual({
      message: "a bank is a case, and keeps its name",
    });
  });
});

describe("a bank's signals", () => {
  let id: number;
  beforeAll(async () => {
    await send_("POST", "/c/banks", { name: "SIGNALS" });
    const added = await send_("POST", "/c/bank/SIGNALS/signal", { pdq: hashToHex(known), note: "by hand" });
    expect(added).toEqual({ status: 200, body: { id: expect.any(Number), signals: { pdq: hashToHex(known) } } });
    id = added.body.id;
  });

  it("are found within 31 bits, with the distance as text", async () => {
    const content = [{ bank_content_id: id, distance: "4" }];
    expect(await get(`/m/lookup?signal_type=pdq&signal=${near}`)).toEqual({ status: 200, body: asBank(content, "SIGNALS") });
    expect((await get(`/m/raw_lookup?signal_type=pdq&signal=${near}`)).body).toEqual({ matches: [id] });
    expect((await get(`/m/raw_lookup?signal_type=pdq&signal=${near}&include_distance=true`)).body).toEqual({ matches: content });
    expect((await get(`/m/lookup?signal_type=pdq&signal=${far}`)).body).toEqual({});
    expect((await get(`/m/raw_lookup?signal_type=pdq&signal=${far}`)).body).toEqual({ matches: [] });
  });

  it("are looked for in the banks named", async () => {
    await send_("POST", "/c/banks", { name: "EMPTY" });
    expect((await get(`/m/lookup?signal_type=pdq&signal=${near}&banks=EMPTY`)).body).toEqual({});
    expect((await get(`/m/lookup?signal_type=pdq&signal=${near}&banks=EMPTY,SIGNALS`)).body).toHaveProperty("SIGNALS");
    expect((await get(`/m/lookup?signal_type=pdq&signal=${near}&banks=NOWHERE`)).status).toBe(404);
  });

  it("of a bank that is off or enabled in part are told of by seed, but always in raw lookups", async () => {
    await send_("PUT", "/c/bank/SIGNALS", { enabled_ratio: 0.5 });
    const told = await Promise.all(
      Array.from(
        { length: 40 },
        async (_, seed) => "SIGNALS" in (await get(`/m/lookup?signal_type=pdq&signal=${near}&seed=s${seed}`)).body,
      ),
    );
    const again = await get(`/m/lookup?signal_type=pdq&signal=${near}&seed=s7`);
    expect("SIGNALS" in again.body).toBe(told[7]);
    expect(new Set(told).size).toBe(2);
    await send_("PUT", "/c/bank/SIGNALS", { enabled: false });
    expect((await get(`/m/lookup?signal_type=pdq&signal=${near}`)).body).toEqual({});
    expect((await get(`/m/raw_lookup?signal_type=pdq&signal=${near}`)).body).toEqual({ matches: [id] });
    await send_("PUT", "/c/bank/SIGNALS", { enabled: true });
  });

  it("are shown, disabled for a time, and removed", async () => {
    const url = `/c/bank/SIGNALS/content/${id}`;
    const bank = { name: "SIGNALS", matching_enabled_ratio: 1 };
    expect((await get(`${url}?include_signals=true&include_metadata=true`)).body).toEqual({
      ...{ id, disable_until_ts: 1, original_media_uri: null, bank, note: "by hand" },
      ...{ signals: { pdq: hashToHex(known) }, metadata: { collab: {} } },
    });
    expect((await send_("PUT", url, { disable_until_ts: 0 })).body).toMatchObject({ id, disable_until_ts: 0, note: "by hand" });
    expect((await get(`/m/lookup?signal_type=pdq&signal=${near}`)).body).toEqual({});
    expect((await send_("PUT", url, { disable_until_ts: 1_000, note: "back" })).body).toMatchObject({ note: "back" });
    expect((await get(`/m/lookup?signal_type=pdq&signal=${near}`)).body).toHaveProperty("SIGNALS");
    expect(await send_("PUT", url, { disable_until_ts: 99_999_999_999 })).toEqual({
      status: 400,
      body: { message: "disable_until_ts: must be within five years" },
    });
    expect((await send_("DELETE", url)).body).toEqual({ deleted: 1 });
    expect((await send_("DELETE", url)).body).toEqual({ deleted: 0 });
    expect((await get(url)).status).toBe(404);
    expect((await get(`/m/raw_lookup?signal_type=pdq&signal=${near}`)).body).toEqual({ matches: [] });
  });

  it("that are wrong are refused in HMA's words", async () => {
    const upper = hashToHex(known).toUpperCase();
    expect(await get(`/m/lookup?signal_type=pdq&signal=${upper}`)).toEqual({
      status: 400,
      body: { message: "invalid signal: pdq must be 64 lower-case hexadecimal digits" },
    });
    expect((await get(`/m/lookup?signal_type=video_md5&signal=${"a".repeat(32)}`)).body).toEqual({
      message: "No such SignalType 'video_md5'",
    });
    expect((await get("/m/lookup?signal_type=pdq")).body).toEqual({ message: "signal: is required" });
    expect((await send_("POST", "/c/bank/SIGNALS/signal", {})).body).toEqual({ message: "No signals given" });
    expect((await send_("POST", "/c/bank/SIGNALS/signal", { video_md5: "a" })).body).toEqual({
      message: "No such SignalType 'video_md5'",
    });
    expect((await send_("POST", "/c/bank/NOWHERE/signal", { pdq: near })).status).toBe(404);
  });

  it("of videos match when four in five of the query's frames do", async () => {
    const frames = Array.from({ length: 10 }, () => randomHash(random));
    const signal = (hashes: Uint8Array[]) => JSON.stringify(hashes.map((h, i) => `${hashToHex(h)},100,${i}.0`));
    const added = await send_("POST", "/c/bank/SIGNALS/signal", { vpdq: signal(frames) });
    const excerpt = [...frames.slice(0, 4).map((h) => turnBits(h, 12, random)), randomHash(random)];
    const ask = (hashes: Uint8Array[]) =>
      get(`/m/raw_lookup?include_distance=true&signal_type=vpdq&signal=${encodeURIComponent(signal(hashes))}`);
    expect((await ask(excerpt)).body).toEqual({ matches: [{ bank_content_id: added.body.id, distance: "80%[40%]" }] });
    expect((await ask([...excerpt, randomHash(random)])).body).toEqual({ matches: [] });
  });
});

describe("comparing", () => {
  it("tells whether two signals match, and how far apart they are, as a number", async () => {
    expect((await send_("POST", "/m/compare", { pdq: [hashToHex(known), near] })).body).toEqual({ pdq: [true, { distance: 4 }] });
    expect((await send_("POST", "/m/compare", { pdq: [hashToHex(known), far] })).body).toEqual({
      pdq: [false, { distance: 32 }],
    });
  });

  it.each([
    [{ pdq: [near] }, "pdq: must be a list of exactly 2 signals"],
    [{ md5: [near, near] }, "No such SignalType 'md5'"],
  ])("refuses %j", async (body, message) => {
    expect(await send_("POST", "/m/compare", body)).toEqual({ status: 400, body: { message } });
  });
});

describe("media", () => {
  const golden = GOLDEN.find(({ file }) => file.endsWith("aaa-orig.jpg"))!;

  it("that is sent has the hash that Meta's tool gives it, within a few bits", async () => {
    const { status, body } = await upload("/h/hash", "photo", join(GOLDEN_FOLDER, golden.file));
    expect(status).toBe(200);
    const bits = hashFromHex(body.pdq).reduce(
      (sum, byte, i) => sum + (byte ^ hashFromHex(golden.hash)[i]).toString(2).replaceAll("0", "").length,
      0,
    );
    expect(bits).toBeLessThanOrEqual(10);
    expect(Object.keys(body)).toEqual(["pdq"]);
  });

  it("too poor to hash has an empty signal, which matches nothing", async () => {
    const poor = join(GOLDEN_FOLDER, "images/q0003.jpg");
    expect((await upload("/h/hash", "photo", poor)).body).toEqual({ pdq: "" });
    expect((await upload("/m/lookup", "photo", poor)).body).toEqual({ pdq: {} });
  });

  it("becomes content of a bank and is found again, by file, by address and by the hash of Meta's tool", async () => {
    await send_("POST", "/c/banks", { name: "MEDIA" });
    const added = await upload("/c/bank/MEDIA/content", "photo", join(GOLDEN_FOLDER, golden.file), {
      metadata: JSON.stringify({ content_id: "case file 7", json: { a: 1 } }),
      note: "seen before",
    });
    expect(added).toEqual({ status: 200, body: { id: expect.any(Number), signals: { pdq: expect.any(String) } } });
    const { id } = added.body;
    const content = (await get(`/c/bank/MEDIA/content/${id}?include_metadata=true&include_signals=true`)).body;
    expect(content).toMatchObject({ note: "seen before", metadata: { content_id: "case file 7", json: { a: 1 }, collab: {} } });
    expect(content.signals).toEqual(added.body.signals);
    expect((await get(`/m/lookup?signal_type=pdq&signal=${golden.hash}`)).body).toHaveProperty("MEDIA");
    const found = (await upload("/m/lookup", "photo", join(GOLDEN_FOLDER, golden.file))).body;
    expect(found).toEqual({ pdq: asBank([{ bank_content_id: id, distance: "0" }], "MEDIA") });
    const { rows } = await hma.app.database.pool.query("select label, provenance from reference where seq = $1", [id]);
    expect(rows).toEqual([{ label: "case file 7", provenance: "own" }]);
  });

  it("at an address is fetched; with a signal type the answer has a level less", async () => {
    await send_("POST", "/c/banks", { name: "FETCHED" });
    const url = encodeURIComponent(`${site.url}/photo.jpg`);
    const added = await send_("POST", `/c/bank/FETCHED/content?url=${url}&content_type=photo`, { note: "fetched" });
    const match = asBank([{ bank_content_id: added.body.id, distance: "0" }], "FETCHED");
    expect((await get(`/m/lookup?url=${url}`)).body).toEqual({ pdq: match });
    expect((await get(`/m/lookup?url=${url}&signal_type=pdq`)).body).toEqual(match);
    expect((await get(`/h/hash?url=${url}&types=pdq`)).body).toEqual(added.body.signals);
  });

  it("of a video has the hashes of its frames, which match themselves", async () => {
    const { body } = await upload("/h/hash", "video", video("friday.mp4"));
    expect(JSON.parse(body.vpdq)[0]).toMatch(/^[0-9a-f]{64},\d+,\d+(\.\d+)?$/);
    await send_("POST", "/c/banks", { name: "VIDEOS" });
    const added = await upload("/c/bank/VIDEOS/content", "video", video("friday.mp4"));
    const found = (await upload("/m/lookup?bypass_coinflip=true", "video", video("friday.mp4"))).body;
    expect(found.vpdq.VIDEOS).toEqual([{ bank_content_id: added.body.id, distance: expect.stringMatching(/^\d+%\[\d+%\]$/) }]);
  });

  it("that is not what it is said to be, is missing, too large or unreadable is refused, and leaves no file behind", async () => {
    const poor = join(GOLDEN_FOLDER, "images/q0003.jpg");
    expect((await upload("/h/hash", "video", poor)).body).toEqual({ message: "the content is a photo, not a video" });
    expect((await upload("/h/hash", "file", poor)).body).toEqual({ message: "a file's part must be named photo or video" });
    expect((await upload("/h/hash?types=video_md5", "photo", poor)).body).toEqual({ message: "No such SignalType 'video_md5'" });
    expect((await hma.ask({ method: "POST", url: "/h/hash", ...form({ a: "b" }) })).json()).toEqual({
      message: "no file: send one in a part named photo or video",
    });
    expect((await get("/h/hash?url=file:///etc/passwd")).body).toEqual({ message: "url: must be an http or https address" });
    expect((await get("/h/hash")).body).toEqual({ message: "url: is required" });
    expect((await get(`/h/hash?url=${encodeURIComponent(site.url)}/&content_type=audio`)).body.message).toContain(
      "No such content type 'audio'",
    );
    const large = form({}, { field: "photo", name: "x", bytes: Buffer.alloc(5_000_001) });
    const refusal = await hma.ask({ method: "POST", url: "/h/hash", ...large });
    expect([refusal.statusCode, refusal.json()]).toEqual([413, { message: "Content too large" }]);
    const broken = await hma.ask({
      method: "POST",
      url: "/h/hash",
      ...form({}, { field: "photo", name: "x", bytes: Buffer.from("not a photo") }),
    });
    expect(broken.statusCode).toBe(400);
    expect(Object.keys(broken.json())).toEqual(["message"]);
    expect(await readdir(hma.app.config.mediaTmpDir)).toEqual([]);
  });

  it("with metadata that HMA does not know is refused", async () => {
    const { body } = await upload("/c/bank/MEDIA/content", "photo", image("teapot.jpg"), { metadata: '{"other":1}' });
    expect(body.message).toContain("other");
  });
});

describe("the index", () => {
  it("is never behind", async () => {
    const { body } = await get("/m/index/status");
    expect(body).toMatchObject({ pdq: { present: true, size: expect.any(Number) }, vpdq: { present: true } });
    expect(Object.keys((await get("/m/index/status?signal_type=pdq")).body)).toEqual(["pdq"]);
  });

  it("tells the audit log who asked, and not for what", async () => {
    await get(`/m/lookup?signal_type=pdq&signal=${near}`);
    await expect
      .poll(async () => (await listAudit(hma.app.database.pool, { subject: "hma", limit: 1 }))[0])
      .toMatchObject({
        act: "hash looked up",
        actor: expect.stringMatching(/^token:/),
        detail: {},
      });
  });
});
