import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { hashToHex } from "../../../src/fingerprint/hash.js";
import type { Right } from "../../../src/people/rights.js";
import { image, make, video } from "../../media/support.js";
import { mediaServer, PATIENCE, send } from "../../stories/support.js";
import { form, type TestApi, testApi } from "./support.js";

const KNOWN = image("butterfly.jpg");
const files: Record<string, string> = {
  "/known.jpg": KNOWN,
  "/copy.jpg": make("-i", KNOWN, "-vf", "scale=420:-2", "-q:v", "5", "resources-copy.jpg"),
  "/other.jpg": make("-i", KNOWN, "-vf", "scale=380:-2,hflip", "-q:v", "5", "resources-other.jpg"),
};

let api: TestApi;
let site: Awaited<ReturnType<typeof mediaServer>>;
let referenceId: string;

beforeAll(async () => {
  api = await testApi({ roles: ["worker", "relay"] });
  site = await mediaServer((path, _nth, response) => {
    if (files[path]) send(response, files[path]);
    else response.writeHead(404).end();
  });
});

afterAll(async () => {
  await site.close();
  await api.close();
});

const get = (url: string) => api.ask({ url });
const post = (url: string, payload: object = {}) => api.ask({ method: "POST", url, payload });
const patch = (url: string, payload: object) => api.ask({ method: "PATCH", url, payload });

describe("cases", () => {
  test("are created, changed, closed and reopened", async () => {
    const created = await post("/v1/cases", {
      id: "C-1",
      title: "The chair",
      class: "baseline",
      retainUntil: "2099-01-01T00:00:00Z",
    });
    expect(created.statusCode).toBe(201);
    expect(created.json()).toMatchObject({
      id: "C-1",
      class: "baseline",
      state: "open",
      retainUntil: "2099-01-01T00:00:00.000Z",
    });
    expect((await post("/v1/cases", { id: "C-1" })).statusCode).toBe(409);
    const changed = await patch("/v1/cases/C-1", { legalBasis: "Order 12", retainUntil: null });
    expect(changed.json()).toMatchObject({ title: "The chair", legalBasis: "Order 12", retainUntil: null });
    expect((await patch("/v1/cases/C-1", { retainUntil: "1999-01-01T00:00:00Z" })).json().errors[0].field).toBe("retainUntil");
    expect((await post("/v1/cases/C-1/close")).json().state).toBe("closed");
    expect((await get("/v1/cases?state=closed")).json().items).toMatchObject([{ id: "C-1" }]);
    expect((await post("/v1/cases/C-1/reopen")).json().state).toBe("open");
  });

  test("are merged: the one that is left is a pointer, and cannot be changed", async () => {
    await post("/v1/cases", { id: "C-2" });
    expect((await post("/v1/cases/C-2/merge", { into: "C-2" })).statusCode).toBe(422);
    expect((await post("/v1/cases/C-2/merge", { into: "C-nowhere" })).json().errors[0].field).toBe("into");
    expect((await post("/v1/cases/C-2/merge", { into: "C-1" })).json()).toMatchObject({ id: "C-1", mergedFrom: ["C-2"] });
    expect((await get("/v1/cases/C-2")).json()).toMatchObject({ mergedInto: "C-1" });
    expect((await patch("/v1/cases/C-2", { title: "x" })).statusCode).toBe(409);
    expect((await get("/v1/cases/C-2/evidence")).statusCode).toBe(409);
    expect((await get("/v1/cases?text=c-1")).json().items).toMatchObject([{ id: "C-1" }]);
  });
});

describe("references", () => {
  test("are registered by address, once, with what is said of them", async () => {
    const about = { caseId: "C-1", label: "butterfly", legalBasis: "Order 13", media: { url: `${site.url}/known.jpg` } };
    const made = await post("/v1/references", about);
    expect(made.statusCode).toBe(201);
    expect(made.json()).toMatchObject({ label: "butterfly", provenance: "own", legalBasis: "Order 13", repeated: false });
    referenceId = made.json().id;
    expect(made.headers.location).toBe(`/v1/references/${referenceId}`);
    const again = await post("/v1/references", about);
    expect([again.statusCode, again.json().id, again.json().repeated]).toEqual([200, referenceId, true]);
    expect((await get("/v1/references?caseId=C-1")).json().items).toMatchObject([{ id: referenceId }]);
  });

  test("say which field is wrong, and why media could not be read", async () => {
    const gone = await post("/v1/references", { caseId: "C-1", label: "x", media: { url: `${site.url}/gone.jpg` } });
    expect(gone.statusCode).toBe(422);
    expect(gone.json().errors[0].field).toBe("media.url");
    expect(gone.body).not.toContain(site.url);
    const none = await post("/v1/references", { caseId: "a b", label: "", media: {} });
    expect(none.json().errors.map((e: { field: string }) => e.field)).toEqual(["caseId", "label", "media.url"]);
  });

  test("are changed", async () => {
    const changed = await patch(`/v1/references/${referenceId}`, { label: "first seen", class: "national" });
    expect(changed.json()).toMatchObject({ label: "first seen", class: "national", own: { class: "national" } });
    expect((await patch(`/v1/references/${referenceId}`, { sha256: "no" })).json().errors[0].field).toBe("sha256");
  });
});

describe("is this known?", () => {
  test("by file, by address, by SHA-256 and by PDQ", async () => {
    const file = await api.ask({
      method: "POST",
      url: "/v1/lookup/upload",
      ...form({}, { name: "k.jpg", bytes: readFileSync(files["/copy.jpg"]) }),
    });
    expect(file.json()).toMatchObject({ known: true, verdict: "match", nearest: [{ caseId: "C-1", referenceId }], sameFile: [] });
    const address = await post("/v1/lookup", { media: { url: `${site.url}/known.jpg` } });
    expect(address.json()).toMatchObject({ known: true, verdict: "match", sameFile: [{ caseId: "C-1", referenceId }] });
    const { sha256 } = (await get(`/v1/references/${referenceId}`)).json();
    expect((await post("/v1/lookup", { sha256 })).json()).toMatchObject({
      known: true,
      verdict: null,
      sameFile: [{ referenceId }],
    });
    const reading = await api.app.readLocal({ path: KNOWN }, "for its hashes", new AbortController().signal);
    const pdq = hashToHex(reading.fingerprints[0].pdq);
    expect((await post("/v1/lookup", { pdq: pdq.toUpperCase() })).json()).toMatchObject({
      nearest: [{ referenceId, distanceBits: 0 }],
    });
  });

  test("says no, and of what cannot be read why", async () => {
    expect((await post("/v1/lookup", { pdq: "96".repeat(32) })).json()).toMatchObject({
      known: false,
      nearest: [],
      sameFile: [],
    });
    expect((await post("/v1/lookup", { sha256: "00".repeat(32) })).json().known).toBe(false);
    const innocent = await api.ask({
      method: "POST",
      url: "/v1/lookup/upload",
      ...form({}, { name: "f.mp4", bytes: readFileSync(video("friday.mp4")) }),
    });
    expect(innocent.json()).toMatchObject({ known: false, verdict: "clear" });
    const text = await api.ask({
      method: "POST",
      url: "/v1/lookup/upload",
      ...form({}, { name: "a", bytes: Buffer.from("text") }),
    });
    expect(text.statusCode).toBe(422);
    expect(text.json().errors[0].field).toBe("file");
  });

  test("wants exactly one thing to look for", async () => {
    for (const body of [{}, { pdq: "00".repeat(32), sha256: "00".repeat(32) }, { sha256: "00".repeat(32), quality: 3 }])
      expect((await post("/v1/lookup", body)).statusCode).toBe(422);
  });

  test("records nothing but that somebody asked", async () => {
    const { rows } = await api.database.pool.query(
      "select (select count(*)::int from submission) as submissions, count(*)::int as asked from audit_log where act = 'looked up'",
    );
    expect(rows[0].submissions).toBe(0);
    expect(rows[0].asked).toBeGreaterThanOrEqual(6);
  });

  test("reads only so many files at a time; the next is asked to come back", async () => {
    const { check } = api.parts;
    let running = 0;
    const finish: (() => void)[] = [];
    api.parts.check = async (media, signal) => {
      running++;
      await new Promise<void>((resolve) => finish.push(resolve));
      return check(media, signal);
    };
    try {
      const ask = () => post("/v1/lookup", { media: { url: `${site.url}/known.jpg` } });
      const first = Array.from({ length: api.parts.config.workerConcurrency }, ask);
      await vi.waitFor(() => expect(running).toBe(api.parts.config.workerConcurrency), PATIENCE);
      const next = await ask();
      expect(next.statusCode).toBe(503);
      expect(Number(next.headers["retry-after"])).toBeGreaterThan(0);
      for (const done of finish) done();
      for (const answer of await Promise.all(first)) expect(answer.statusCode).toBe(200);
    } finally {
      api.parts.check = check;
    }
  });
});

describe("alerts and takedowns", () => {
  beforeAll(async () => {
    const submissions = ["copy", "other"].map((name) => ({
      submissionId: name,
      media: { url: `${site.url}/${name}.jpg` },
      platform: "videosite",
      uploader: { id: "p" },
    }));
    expect((await post("/v1/submissions/batch", { submissions })).json().accepted).toBe(2);
    await vi.waitFor(async () => expect((await get("/v1/alerts")).json().items).toHaveLength(2), PATIENCE);
  });

  test("are filtered, ordered and paged", async () => {
    const first = (await get("/v1/alerts?order=repeated&limit=1")).json();
    const second = (await get(`/v1/alerts?order=repeated&limit=1&cursor=${first.next}`)).json();
    expect([first, second].map((p) => p.items[0].reuploadNumber)).toEqual([2, 1]);
    expect(
      (await get("/v1/alerts?submissionId=copy&caseId=C-1&platform=videosite&uploaderId=p&assignedTo=nobody")).json().items,
    ).toHaveLength(1);
    expect((await get("/v1/alerts?kind=unscannable")).json().items).toEqual([]);
    expect((await get(`/v1/alerts?order=strongest&cursor=${first.next}`)).statusCode).toBe(422);
  });

  test("are acted on one by one and many at once; what is not possible says why", async () => {
    const ids = (await get("/v1/alerts")).json().items.map(({ id }: { id: string }) => id);
    const noted = await post(`/v1/alerts/${ids[0]}/acts`, { kind: "note", text: "seen before" });
    expect(noted.json().events).toMatchObject([{ act: "noted" }]);
    const dismissed = await post("/v1/alerts/acts", { ids: [...ids, ids[0]], act: { kind: "dismiss", reason: "another one" } });
    expect(dismissed.json()).toEqual({ done: ids, refused: [] });
    expect((await get("/v1/alerts?state=dismissed")).json().items).toHaveLength(2);
    expect((await post(`/v1/alerts/${ids[0]}/acts`, { kind: "dismiss" })).json().errors[0].field).toBe("reason");
    expect((await post(`/v1/alerts/${ids[0]}/acts`, { kind: "delete" })).json().errors[0].field).toBe("kind");
    expect((await post(`/v1/alerts/${ids[0]}/acts`, { kind: "undo" })).json().state).toBe("open");
    expect((await post(`/v1/alerts/${ids[0]}/acts`, { kind: "undo" })).statusCode).toBe(409);
    expect((await post("/v1/alerts/acts", { ids: [crypto.randomUUID()], act: { kind: "confirm" } })).json().refused).toHaveLength(
      1,
    );
  });

  test("takedowns are listed, asked for again, and refuse what cannot follow", async () => {
    const { items } = (await get("/v1/takedowns?platform=videosite&overdue=false")).json();
    expect(items).toHaveLength(2);
    const open = items.find((t: { state: string }) => t.state === "queued");
    const withdrawn = items.find((t: { state: string }) => t.state === "withdrawn");
    expect((await post(`/v1/takedowns/${withdrawn.id}/requeue`)).statusCode).toBe(409);
    expect((await post(`/v1/takedowns/${open.id}/requeue`)).statusCode).toBe(409);
    expect((await post(`/v1/takedowns/${open.id}/results`, { state: "sent" })).json()).toEqual({
      outcome: "applied",
      state: "sent",
    });
    expect((await post(`/v1/takedowns/${open.id}/results`, { state: "sent" })).json().outcome).toBe("repeated");
    expect((await post(`/v1/takedowns/${open.id}/requeue`)).json()).toEqual({ attempt: open.attempt + 1 });
    expect((await post(`/v1/takedowns/${open.id}/results`, { state: "removed", attempt: 1 })).json().outcome).toBe("noted");
    expect((await post(`/v1/takedowns/${open.id}/results`, { state: "removed", attempt: 9 })).json().errors[0].field).toBe(
      "attempt",
    );
    expect((await post(`/v1/takedowns/${open.id}/results`, { state: "removed" })).json().state).toBe("removed");
    expect((await post(`/v1/takedowns/${open.id}/results`, { state: "sent" })).statusCode).toBe(409);
    expect((await post(`/v1/takedowns/${open.id}/results`, { state: "gone" })).json().errors[0].field).toBe("state");
  });

  test("come with the letter to the platform, in both languages", async () => {
    const [{ id }] = (await get("/v1/takedowns")).json().items;
    const [english, albanian] = [
      (await get(`/v1/takedowns/${id}/notice`)).json(),
      (await get(`/v1/takedowns/${id}/notice?language=sq`)).json(),
    ];
    expect(english.text).not.toBe(albanian.text);
    for (const letter of [english, albanian]) expect(letter.text).toContain(id);
  });

  test("every reading of an alert is in the audit log, with who read it", async () => {
    const [{ id }] = (await get("/v1/alerts")).json().items;
    await get(`/v1/alerts/${id}`);
    const { rows } = await api.database.pool.query(
      "select actor, act, subject, detail from audit_log order by number desc limit 2",
    );
    expect(rows).toEqual([
      { actor: expect.stringMatching(/^token:test-/), act: "alert read", subject: `alert:${id}`, detail: {} },
      { actor: expect.stringMatching(/^token:test-/), act: "alerts listed", subject: "alerts", detail: { alerts: [id] } },
    ]);
  });

  test("a retired reference no longer matches, and is retired once", async () => {
    expect((await post(`/v1/references/${referenceId}/retire`)).json().retiredAt).not.toBeNull();
    expect((await post(`/v1/references/${referenceId}/retire`)).statusCode).toBe(409);
    expect((await post("/v1/lookup", { media: { url: `${site.url}/known.jpg` } })).json()).toMatchObject({
      known: false,
      sameFile: [],
    });
  });

  test("the status counts all of it", async () => {
    expect((await get("/v1/status")).json()).toMatchObject({
      cases: 2,
      references: 0,
      verdicts: { match: 2 },
      takedowns: { removed: 1 },
    });
  });
});

describe("erasure", () => {
  const erase = (url: string, payload: object, rights: Right[] = ["admin"]) => api.ask({ method: "POST", url, payload, rights });

  test("is for admins, wants a reason, and knows what there is", async () => {
    expect((await erase("/v1/cases/C-1/erase", { reason: "over" }, ["cases:write"])).statusCode).toBe(403);
    expect((await erase("/v1/cases/C-1/erase", { reason: " " })).json().errors[0].field).toBe("reason");
    expect((await erase("/v1/cases/C-2/erase", { reason: "over" })).statusCode).toBe(409);
    expect((await erase("/v1/cases/C-nowhere/erase", { reason: "over" })).statusCode).toBe(404);
    expect((await erase("/v1/uploaders/videosite/nobody/erase", { reason: "over" })).statusCode).toBe(404);
    expect((await get("/v1/cases/C-1")).statusCode).toBe(200);
  });

  test("gives a receipt that names nobody, and leaves nothing behind", async () => {
    const uploader = await erase("/v1/uploaders/videosite/p/erase", { reason: "asked for" });
    expect(uploader.json()).toMatchObject({ counts: { submissionsMadeNameless: expect.any(Number) }, messages: { busy: 0 } });
    expect((await get("/v1/uploaders/videosite/p")).statusCode).toBe(404);
    const of = await erase("/v1/cases/C-1/erase", { reason: "retention has ended" });
    expect(of.json().counts).toMatchObject({ cases: 2 });
    expect((await get("/v1/cases/C-1")).statusCode).toBe(404);
    expect((await get("/v1/references?state=all")).json().items).toEqual([]);
    const { rows } = await api.database.pool.query("select count(*)::int as left from reference_fingerprint");
    expect(rows[0].left).toBe(0);
  });
});
