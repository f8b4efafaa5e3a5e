import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/casework/canonical-json.js";
import { createCase, mergeCases } from "../../src/casework/cases.js";
import { evidenceJson, evidencePack } from "../../src/casework/evidence.js";
import { type EvidencePack, verifyPack } from "../../src/casework/evidence-chain.js";
import { evidencePdf } from "../../src/casework/evidence-pdf.js";
import { showable, wrapped } from "../../src/casework/pdf.js";
import { listAudit } from "../../src/platform/audit.js";
import { readVersion } from "../../src/platform/version.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { matchOn, register, rowsOf, upload } from "./recorded.js";

let database: TestDatabase;
let pack: EvidencePack;
let first: Awaited<ReturnType<typeof upload>>;
const ana = "person:ana";

beforeAll(async () => {
  database = await testDatabase();
  const { pool } = database;
  await createCase(pool, { id: "V-1", title: "Çështja e Bënçës", legalBasis: "Neni 228" }, ana);
  const [reference, other] = [await register(pool, "V-1", 1), await register(pool, "V-other", 2)];
  await register(pool, "V-empty", 3);
  first = await upload(pool, [matchOn(reference), matchOn(other)], { receivedAt: "2026-10-01T08:30:00Z" });
  await upload(pool, [matchOn(reference, { medianDistanceBits: null })], { platform: "othersite" });
  await upload(pool, [matchOn(reference, { verdict: "review" })]);
  await pool.query(
    "insert into takedown_event (takedown_id, attempt, state, actor, detail) select id, 1, 'removed', 'token:bridge', 'ticket 9' from takedown where submission_id = $1",
    [first.submissionId],
  );
  pack = await evidencePack(pool, "V-1", ana);
});
afterAll(() => database.close());

const contents = (about: string) => pack.entries.filter((e) => e.about === about).map((e) => e.content);

describe("an evidence pack", () => {
  test("has the case, the policy, its known material, and each re-upload with where it was and how it was recognised", () => {
    expect(contents("case")).toMatchObject([
      {
        format: "reupload-evidence/1",
        caseId: "V-1",
        madeBy: ana,
        toolVersion: readVersion(),
        case: { title: "Çështja e Bënçës", uploads: 2 },
      },
    ]);
    expect(contents("policy")).toMatchObject([{ version: "test" }]);
    expect(contents("known material")).toMatchObject([
      { label: "known 1.mp4", sha256: expect.stringMatching(/^[0-9a-f]{64}$/), provenance: "own" },
    ]);
    const uploads = contents("re-upload");
    expect(uploads).toHaveLength(2);
    expect(uploads[0]).toMatchObject({
      ...{ number: 1, submissionId: first.submissionId, sha256: expect.stringMatching(/^[0-9a-f]{64}$/), platform: "videosite" },
      ...{ uploader: { id: "profile-1" }, receivedAt: "2026-10-01T08:30:00.000000Z", reportedAt: "2026-11-20T10:00:00.000000Z" },
      mediaUrl: (first.submission.media as { url: string }).url,
      pageUrl: first.submission.pageUrl,
      verdicts: [
        {
          policyVersion: "test",
          toolVersion: "0.0.0-test",
          matches: [{ transform: { mirrored: true }, segments: [{ referenceToMs: 5000 }] }],
        },
      ],
      takedown: {
        state: "queued",
        attempt: 1,
        events: [{ state: "queued" }, { state: "removed", by: "token:bridge", detail: "ticket 9" }],
      },
    });
  });

  test("says nothing of other cases that the same upload belongs to", () => {
    expect(JSON.stringify(pack)).not.toContain("V-other");
  });

  test("is chained: it verifies, also after a journey as JSON, and its head stands in the audit log", async () => {
    expect(verifyPack(pack)).toEqual({ entries: pack.entries.length, head: pack.head });
    expect(verifyPack(JSON.parse(JSON.stringify(pack, null, 2)))).toEqual({ entries: pack.entries.length, head: pack.head });
    const [entry] = await listAudit(database.pool, { subject: "case:V-1", limit: 1 });
    expect(entry).toMatchObject({
      actor: ana,
      act: "evidence pack made",
      detail: { entries: pack.entries.length, head: pack.head },
    });
  });

  test("streamed, is one JSON document with the same entries", async () => {
    let text = "";
    for await (const part of evidenceJson(database.pool, "V-1", ana)) text += part;
    const streamed = JSON.parse(text) as EvidencePack;
    expect(verifyPack(streamed).broken).toBeUndefined();
    expect(streamed.entries.slice(1).map((e) => e.content)).toEqual(pack.entries.slice(1).map((e) => e.content));
    const empty: string[] = [];
    for await (const part of evidenceJson(database.pool, "V-empty", ana)) empty.push(part);
    expect(verifyPack(JSON.parse(empty.join("")))).toMatchObject({ entries: 2 });
  });

  test("broken off half way, gives back its connection and is in the audit log without a head", async () => {
    for await (const _ of evidenceJson(database.pool, "V-1", "person:gone")) if (_.includes('"re-upload"')) break;
    expect(database.pool.idleCount).toBe(database.pool.totalCount);
    const [entry] = await listAudit(database.pool, { actor: "person:gone", limit: 1 });
    expect(entry).toMatchObject({ act: "evidence pack made", detail: { head: null } });
  });

  test("of a case that is not there, or was merged, is refused with the case that has the re-uploads", async () => {
    const { pool } = database;
    await expect(evidencePack(pool, "V-none", ana)).rejects.toThrow("case: there is no case V-none");
    for (const id of ["V-2", "V-3"]) await createCase(pool, { id }, ana);
    await mergeCases(pool, "V-2", "V-3", ana);
    await expect(evidencePack(pool, "V-2", ana)).rejects.toThrow("case: V-2 was merged into V-3");
    expect(await rowsOf(pool, "select 1 from audit_log where act = 'evidence pack made' and subject = 'case:V-2'")).toEqual([]);
  });
});

describe("a pack that was tampered with is found out:", () => {
  const tampered = (change: (copy: EvidencePack) => void) => {
    const copy = JSON.parse(JSON.stringify(pack)) as EvidencePack;
    change(copy);
    return verifyPack(copy).broken;
  };

  test.each([
    [
      "an entry changed",
      (p: EvidencePack) => void Object.assign(p.entries[3].content, { platform: "x" }),
      4,
      "was changed after it was written",
    ],
    ["an entry taken out", (p: EvidencePack) => void p.entries.splice(2, 1), 3, "stands in the place of entry 3"],
    [
      "two entries in the other order",
      (p: EvidencePack) => void p.entries.splice(2, 2, p.entries[3], p.entries[2]),
      3,
      "stands in the place",
    ],
    ["the last entry taken out", (p: EvidencePack) => void p.entries.pop(), 5, "entries are missing"],
    ["another head", (p: EvidencePack) => void Object.assign(p, { head: "0".repeat(64) }), 6, "entries are missing"],
    [
      "another maker",
      (p: EvidencePack) => void Object.assign(p, { madeBy: "person:eve" }),
      6,
      "madeBy is not as in the first entry",
    ],
    ["everything taken out", (p: EvidencePack) => void p.entries.splice(0), 1, "entries are missing"],
  ])("%s", (_, change, entry, what) => {
    expect(tampered(change)).toEqual({ entry, what: expect.stringContaining(what) });
  });

  test("any single change of any entry", () => {
    const all = pack.entries.map((e) => JSON.stringify(e));
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.nat(), fc.constantFrom(..."0123456789abcdef"), (at, where, digit) => {
        const text = all[at];
        const position = where % text.length;
        if (text[position] === digit || !/[0-9a-f]/.test(text[position])) return;
        const copy = { ...pack, entries: [...pack.entries] };
        try {
          copy.entries[at] = JSON.parse(text.slice(0, position) + digit + text.slice(position + 1));
        } catch {
          return;
        }
        if (canonicalJson(copy.entries[at]) === canonicalJson(pack.entries[at])) return;
        expect(verifyPack(copy).broken).toBeDefined();
      }),
    );
  });
});

test("canonical JSON is the same whatever the order of keys, and reads back as the value", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
      const text = canonicalJson(value);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(
        canonicalJson(
          JSON.parse(text, (_, v) =>
            v && typeof v === "object" && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).reverse()) : v,
          ),
        ),
      ).toBe(text);
    }),
  );
  expect(canonicalJson({ b: 1e21, a: "€\u0000", c: [undefined === null, 1.0] })).toBe('{"a":"€\\u0000","b":1e+21,"c":[false,1]}');
  expect(() => canonicalJson({ n: Number.NaN })).toThrow("has no form in JSON");
});

/** The text of a PDF whose fonts are the standard ones: Windows-1252, in compressed streams. */
function textOf(pdf: Buffer): string {
  const texts: string[] = [];
  const source = pdf.toString("latin1");
  for (const { 1: stream } of source.matchAll(/stream\r?\n([\s\S]*?)\r?\nendstream/g)) {
    try {
      const content = inflateSync(Buffer.from(stream, "latin1")).toString("latin1");
      for (const { 1: shown } of content.matchAll(/\[(.*?)\] TJ/g))
        texts.push(
          [...shown.matchAll(/<([0-9a-f]*)>/g)]
            .map(([, hex]) => new TextDecoder("windows-1252").decode(Buffer.from(hex, "hex")))
            .join(""),
        );
    } catch {
      // Not a compressed stream.
    }
  }
  return texts.join("\n");
}

const pagesOf = (pdf: Buffer) => (pdf.toString("latin1").match(/\/Type \/Page\b(?!s)/g) ?? []).length;

describe("the PDF", () => {
  test("says what the pack says, in A4, with the head and the number on every page", async () => {
    const pdf = await evidencePdf(pack);
    const text = textOf(pdf);
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    expect(pdf.toString("latin1")).toContain("/MediaBox [0 0 595.28 841.89]");
    for (const said of [
      "Çështja e Bënçës",
      "Neni 228",
      "known 1.mp4",
      "Re-upload 1",
      first.submissionId,
      "profile-1",
      "token:bridge",
    ])
      expect(text).toContain(said);
    expect(text).toContain("2 re-uploads, 2 profiles, 2 platforms; the last one was received");
    expect(text.split(`SHA-256 ${pack.head}`)).toHaveLength(pagesOf(pdf) + 1);
    expect(text).toContain(`Page ${pagesOf(pdf)} of ${pagesOf(pdf)}`);
  });

  test("speaks Albanian", async () => {
    const text = textOf(await evidencePdf(pack, "sq"));
    for (const said of ["Dosja e provave: V-1", "Çfarë u gjet", "Ringarkimi 1", "pasqyruar", "Faqja 1 nga"])
      expect(text).toContain(said);
    expect(text).not.toContain("Re-upload");
  });

  test("is the same for the same pack", async () => {
    const [a, b] = [await evidencePdf(pack), await evidencePdf(pack)];
    const withoutId = (pdf: Buffer) => pdf.toString("latin1").replace(/\/ID \[.*?\]/, "");
    expect(withoutId(a)).toBe(withoutId(b));
  });

  test("says that nothing was found in a case without re-uploads", async () => {
    expect(textOf(await evidencePdf(await evidencePack(database.pool, "V-empty", ana)))).toContain("No re-upload of this case");
  });
});

describe("text on paper", () => {
  test("shows what its fonts have, and any other character by its number", () => {
    expect(showable("Ëë Çç – “€”")).toBe("Ëë Çç – “€”");
    expect(showable("e\u0308")).toBe("ë");
    expect(showable("ж😀\u0007\u202e")).toBe("[U+0436][U+1F600][U+0007][U+202E]");
  });

  test("loses nothing and never runs over the line", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (text, width) => {
        const lines = wrapped(text, (part) => part.length <= width);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
      }),
    );
  });
});
