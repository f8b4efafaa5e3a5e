import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TransientError } from "../../src/errors.js";
import { fetchList } from "../../src/exchange/fetch-list.js";
import { exchangeUrl } from "../../src/exchange/http.js";
import { ncmec } from "../../src/exchange/ncmec.js";
import { hashesOfEntries, ownHashes } from "../../src/exchange/share.js";
import type { Source } from "../../src/exchange/source.js";
import { sendFeedback, stopNcii, submitHashes } from "../../src/exchange/stopncii.js";
import { mediaServer } from "../stories/support.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { options, pdqHex, steps } from "./support.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

type Answer = (response: ServerResponse, request: IncomingMessage, nth: number) => void;

/** A server that answers requests in the order recorded, and keeps what it was asked. */
let opened: { close(): Promise<void> } | undefined;
afterEach(() => opened?.close());
async function replay(answers: Answer[]) {
  const asked: { path: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  const server = await mediaServer((path, _nth, response, request) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      asked.push({ path, headers: request.headers, body });
      const answer = answers[asked.length - 1];
      if (answer) answer(response, request, asked.length);
      else response.writeHead(418).end();
    });
  });
  opened = server;
  return { url: exchangeUrl(`${server.url}/hashsharing`), asked };
}

const ok =
  (body: string): Answer =>
  (response) =>
    response.writeHead(200, { "content-length": Buffer.byteLength(body) }).end(body);
const fails =
  (status: number, headers = {}): Answer =>
  (response) =>
    response.writeHead(status, headers).end("secret detail");
const breaksOff =
  (body: string): Answer =>
  (response) => {
    response.writeHead(200, { "content-length": Buffer.byteLength(body) });
    response.write(body.slice(0, body.length >> 1), () => response.destroy());
  };

const HTTP = { retryAfterMs: [1, 1] };
const secret = (variable: string) => `s3cret-${variable}`;
const never = new AbortController().signal;
const fetch = (source: Source, list: string, more = {}) =>
  fetchList(
    database.pool,
    steps(database.pool),
    source,
    { ...options({ list }), fromStart: false, onPage: () => {}, ...more },
    never,
  );
const checkpoint = async (list: string) =>
  (await database.pool.query("select checkpoint, fetched_at is not null as whole from hash_list where name = $1", [list]))
    .rows[0];
const entries = async (list: string) =>
  (
    await database.pool.query<{ entry: string }>(
      "select list_entry as entry from reference where provenance = $1 and retired_at is null order by 1",
      [list],
    )
  ).rows.map((r) => r.entry);

const image = (id: string, seed: number) =>
  `<image><id>${id}</id><fingerprints><pdq>${pdqHex(seed)}</pdq></fingerprints></image>`;
const NEXT = "/v2/entries?from=2017&amp;start=2001";
const xml = (inside: string, maxTimestamp: string, next = "") =>
  `<queryResult><images maxTimestamp="${maxTimestamp}">${inside}</images>${next && `<paging><next>${next}</next></paging>`}</queryResult>`;

describe("fetching from NCMEC", () => {
  it("reads all pages with basic auth, and next time what changed since", async () => {
    const { url, asked } = await replay([
      ok(xml(image("a", 1) + image("b", 2), "2024-02-01T00:00:00Z", NEXT)),
      ok(xml(image("c", 3), "2024-01-01T00:00:00Z")),
      ok(xml("<deletedImage><id>a</id></deletedImage>", "2024-03-01T00:00:00Z")),
    ]);
    const source = ncmec(url, secret, HTTP);
    expect(await fetch(source, "N1")).toMatchObject({ added: 3, bad: 0 });
    expect(await entries("N1")).toEqual(["a", "b", "c"]);
    expect(await checkpoint("N1")).toEqual({ checkpoint: { from: "2024-02-01T00:00:00Z" }, whole: true });
    expect(await fetch(source, "N1")).toMatchObject({ withdrawn: 1 });
    expect(await entries("N1")).toEqual(["b", "c"]);
    expect(asked[0].path).toMatch(/^\/hashsharing\/v2\/entries\?from=1970-01-01T00%3A00%3A00Z&to=\d{4}-/);
    expect(asked[1].path).toBe("/hashsharing/v2/entries?from=2017&start=2001");
    expect(asked[2].path).toMatch(/from=2024-02-01T00%3A00%3A00Z&to=/);
    const basic = Buffer.from("s3cret-NCMEC_USER:s3cret-NCMEC_PASSWORD").toString("base64");
    for (const { headers } of asked) expect(headers.authorization).toBe(`Basic ${basic}`);
  });

  it("tries a page again that fails or breaks off, and goes on later where it was", async () => {
    const first = xml(image("a", 1), "2024-02-01T00:00:00Z", NEXT);
    const { url, asked } = await replay([
      fails(503, { "retry-after": "0" }),
      breaksOff(first),
      ok(first),
      fails(500),
      fails(500),
      fails(500),
      ok(xml(image("b", 2), "2024-01-01T00:00:00Z")),
    ]);
    const source = ncmec(url, secret, HTTP);
    const failure = await fetch(source, "N2").catch((e) => e);
    expect(failure).toBeInstanceOf(TransientError);
    expect(failure.message).toMatch(/^127\.0\.0\.1:\d+ answered 500; try again later$/);
    expect(await checkpoint("N2")).toMatchObject({ checkpoint: { next: "/v2/entries?from=2017&start=2001" }, whole: false });
    expect(await fetch(source, "N2")).toMatchObject({ added: 1 });
    expect(asked.at(-1)?.path).toBe("/hashsharing/v2/entries?from=2017&start=2001");
    expect(await checkpoint("N2")).toEqual({ checkpoint: { from: "2024-02-01T00:00:00Z" }, whole: true });
  });

  it("begins again when the page it was at is no longer known", async () => {
    const { url, asked } = await replay([
      ok(xml(image("a", 1), "2024-02-01T00:00:00Z", NEXT)),
      fails(401),
      fails(404),
      ok(xml(image("a", 1) + image("b", 2), "2024-02-01T00:00:00Z")),
    ]);
    const source = ncmec(url, secret, HTTP);
    await expect(fetch(source, "N3")).rejects.toThrow("does not accept the credentials (401)");
    expect(await fetch(source, "N3")).toMatchObject({ added: 1, unchanged: 1 });
    expect(asked[3].path).toContain("from=1970");
  });

  it.each([
    ["elsewhere", "//evil.example/v2/entries"],
    ["elsewhere", "http://evil.example/"],
    ["elsewhere", "@evil.example/v2"],
    ["elsewhere", "/../../other?x=1"],
  ])("does not follow a next page %s: %s", async (_, next) => {
    const { url, asked } = await replay([ok(xml(image("a", 1), "2024-02-01T00:00:00Z", next))]);
    await expect(fetch(ncmec(url, secret, HTTP), "N4", { fromStart: true })).rejects.toThrow(
      /lies elsewhere|refuses the request|not known/,
    );
    expect(asked.slice(1).every((a) => a.path.startsWith("/hashsharing/"))).toBe(true);
  });

  it("refuses redirects, entity bombs and pages that go round in circles, and quotes no credentials", async () => {
    const circle = xml(image("a", 1), "2024-02-01T00:00:00Z", NEXT);
    for (const [answers, problem] of [
      [[fails(302, { location: "http://evil.example/" })], "sends on to another address (302), which is not followed"],
      [[ok(`<!DOCTYPE a [<!ENTITY b "c">]>${circle}`)], "answered what cannot be read: line 1: has a DTD"],
      [[ok(circle), ok(circle)], "NCMEC's next page is the one that was just read"],
    ] as [Answer[], string][]) {
      const { url } = await replay(answers);
      const error = await fetch(ncmec(url, secret, HTTP), "N5", { fromStart: true }).catch((e) => e);
      expect(error.message).toContain(problem);
      expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toMatch(/s3cret|c2VjcmV0|czNjcmV0/);
      await opened?.close();
    }
    opened = undefined;
  });

  it("does not mix up what was fetched from two places", async () => {
    const { url } = await replay([ok(xml(image("a", 1), "2024-02-01T00:00:00Z"))]);
    await fetch(ncmec(url, secret, HTTP), "N6");
    await expect(fetch(stopNcii(url, secret, HTTP), "N6")).rejects.toThrow("--list: N6 was fetched from another place");
  });
});

const record = (seed: number, hashStatus = "Active") => ({
  lastModtimestamp: 5,
  signalType: "ImagePDQ",
  hashValue: pdqHex(seed),
  hashStatus,
  caseNumbers: {},
});
const page = (hashRecords: object[], more: object) => JSON.stringify({ count: hashRecords.length, hashRecords, ...more });

describe("fetching from StopNCII", () => {
  it("reads pages by token with both keys, and next time what changed since, withdrawals too", async () => {
    const { url, asked } = await replay([
      ok(page([record(1), record(2)], { nextPageToken: "t1", nextSetTimestamp: 7, hasMoreRecords: true })),
      ok(page([record(3)], { nextPageToken: "", nextSetTimestamp: 9, hasMoreRecords: false })),
      ok(
        page([record(1, "Withdrawn"), record(3, "Deleted")], {
          nextPageToken: null,
          nextSetTimestamp: 11,
          hasMoreRecords: false,
        }),
      ),
    ]);
    const source = stopNcii(url, secret, HTTP);
    expect(await fetch(source, "S1")).toMatchObject({ added: 3 });
    expect(await checkpoint("S1")).toEqual({ checkpoint: { from: "9" }, whole: true });
    expect(await fetch(source, "S1")).toMatchObject({ withdrawn: 2 });
    expect(await entries("S1")).toHaveLength(1);
    expect(asked.map((a) => a.path)).toEqual([
      "/hashsharing/FetchHashes?startTimestamp=10&pageSize=800",
      "/hashsharing/FetchHashes?startTimestamp=10&pageSize=800&nextPageToken=t1",
      "/hashsharing/FetchHashes?startTimestamp=9&pageSize=800",
    ]);
    expect(asked[0].headers).toMatchObject({
      "x-functions-key": "s3cret-STOPNCII_FUNCTIONS_KEY",
      "ocp-apim-subscription-key": "s3cret-STOPNCII_SUBSCRIPTION_KEY",
    });
  });

  it("says when there is more and not where", async () => {
    const { url } = await replay([ok(page([record(1)], { hasMoreRecords: true, nextPageToken: "" }))]);
    await expect(fetch(stopNcii(url, secret, HTTP), "S2")).rejects.toThrow("StopNCII says that there is more, and not where");
  });

  it("is told what became of entries, and given hashes of our own, in its form", async () => {
    const { url, asked } = await replay([ok(page([record(4)], { hasMoreRecords: false })), ok("{}"), ok("{}"), fails(403)]);
    await fetch(stopNcii(url, secret, HTTP), "S3");
    const hashes = await hashesOfEntries(database.pool, "S3", await entries("S3"));
    await sendFeedback(url, secret, { hashes, value: "Blocked", tags: ["x"] }, never, HTTP);
    await submitHashes(url, secret, { hashes: [pdqHex(8)], tags: [] }, never, HTTP);
    expect(asked[1].path).toBe("/hashsharing/SubmitFeedback");
    expect(JSON.parse(asked[1].body)).toEqual({
      count: 1,
      hashFeedbacks: [{ hashValue: pdqHex(4), feedbackValue: "Blocked", tags: ["x"] }],
    });
    expect(asked[2].path).toBe("/hashsharing/SubmitHashes");
    expect(JSON.parse(asked[2].body)).toEqual({
      count: 1,
      hashRecords: [
        {
          lastModtimestamp: expect.any(Number),
          signalType: "ImagePDQ",
          hashValue: pdqHex(8),
          CSPFeedbacks: [{ feedbackValue: "Blocked", tags: [] }],
        },
      ],
    });
    await expect(submitHashes(url, secret, { hashes, tags: [] }, never, HTTP)).rejects.toThrow(
      "does not accept the credentials (403)",
    );
    await expect(hashesOfEntries(database.pool, "S3", ["nothing"])).rejects.toThrow("ENTRY: list S3 has no still nothing");
    expect(await ownHashes(database.pool, "LISTED")).toEqual([]);
  });
});

describe("an exchange's address", () => {
  it.each([
    "http://example.org/",
    "ftp://example.org/",
    "https://user:pass@example.org/",
    "https://example.org/?key=1",
    "example.org",
  ])("%s is refused", (url) => {
    expect(() => exchangeUrl(url)).toThrow(/^--url: must/);
  });
});
