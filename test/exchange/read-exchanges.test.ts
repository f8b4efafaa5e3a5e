import { describe, expect, it } from "vitest";
import { type NcmecPage, readNcmec } from "../../src/exchange/read-ncmec.js";
import { readStopNcii, type StopNciiPage } from "../../src/exchange/read-stopncii.js";
import { chunked, collect, pdqHex, readAs } from "./support.js";

const A = pdqHex(1);
const B = pdqHex(2);

const NCMEC = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
  <images count="3" maxTimestamp="2017-10-24T15:10:00Z">
    <image>
      <member id="42">Example &amp; Member</member>
      <timestamp>2017-10-24T15:00:00Z</timestamp>
      <id>image1</id>
      <classification>A1</classification>
      <fingerprints><md5>${"a1".repeat(16)}</md5><pdq>${A}</pdq></fingerprints>
      <feedback lastUpdateTimestamp="2023-06-01T12:48:14Z"><affirmativeFeedback type="Md5"><members><member id="7"><!-- > --><id>no</id></member></members></affirmativeFeedback></feedback>
    </image>
    <x:image xmlns:x="y"><id><![CDATA[image2]]></id><fingerprints><pdq>${B.toUpperCase()}</pdq></fingerprints></x:image>
    <deletedImage><member id="43">Other</member><id>image4</id><timestamp>2017-10-24T15:10:00Z</timestamp></deletedImage>
  </images>
  <videos count="1" maxTimestamp="2017-10-24T15:20:00Z">
    <video><id>video1</id><fingerprints><md5>${"b1".repeat(16)}</md5><tmk-pdqf rel="self" href="/v2/entries/1"/></fingerprints></video>
  </videos>
  <paging><next>/v2/entries?from=2017&amp;start=2001</next></paging>
</queryResult>`;

describe("NCMEC's XML", () => {
  it("gives images with a PDQ and withdrawals, names what it cannot look for, and says where it goes on", async () => {
    for (const bytes of [1, 13, 100_000]) {
      const page: NcmecPage = {};
      const { entries, bad } = await readAs((chunks) => readNcmec(chunks, page), NCMEC, bytes);
      expect(entries).toEqual([
        { place: "line 4", entry: "image1", signal: { type: "pdq", frames: [{ hash: A, quality: 100, atMs: 0 }] } },
        { place: "line 12", entry: "image2", signal: { type: "pdq", frames: [{ hash: B, quality: 100, atMs: 0 }] } },
        { place: "line 13", entry: "image4", signal: undefined },
      ]);
      expect(bad).toEqual(["line 16: video video1: only has md5, tmk-pdqf: without a pdq it cannot be looked for here"]);
      expect(page).toEqual({ next: "/v2/entries?from=2017&start=2001", maxTimestamp: "2017-10-24T15:20:00Z" });
    }
  });

  const inside = (xml: string) => `<queryResult><images>${xml}</images></queryResult>`;
  const bomb = `<!DOCTYPE q [<!ENTITY a "${"x".repeat(1000)}"><!ENTITY b "&a;&a;&a;&a;">]>${inside("<image><id>&b;</id></image>")}`;

  it.each([
    ["an entity bomb", bomb, "line 1", "DTD"],
    ["an external entity", `<!DOCTYPE q SYSTEM "http://127.0.0.1/x">${inside("")}`, "line 1", "DTD"],
    ["an entity that nobody declared", inside("<image><id>&xxe;</id></image>"), "line 1", "entity"],
    ["a bare ampersand", inside("<image>\n<id>a & b</id></image>"), "line 2", "entity"],
    ["tags a thousand deep", `<queryResult>${"<a>".repeat(1000)}`, "line 1", "nested"],
    ["an end that is not open", "<queryResult></b></queryResult>", "line 1", "closes b"],
    ["a cut-off file", NCMEC.slice(0, 700), "line 10", "ends early"],
    ["another document", "<html></html>", "line 1", "queryResult"],
    ["text", "pdq 123", "line 1", "ends early"],
    ["an endless tag", `<queryResult a="${"x".repeat(2 ** 21)}`, "line 1", "characters"],
  ])("refuses %s", async (_, text, place, problem) => {
    const reading = collect(readNcmec(chunked(text, 65_536)));
    await expect(reading).rejects.toMatchObject({ field: place, message: expect.stringContaining(problem) });
  });

  it("names entries without an id or with a broken PDQ", async () => {
    const xml = inside(`<image><fingerprints><pdq>${A}</pdq></fingerprints></image>
      <image><id>i2</id><fingerprints><pdq>zz</pdq></fingerprints></image><deletedImage/>`);
    expect((await readAs(readNcmec, xml)).bad).toEqual([
      "line 1: image id: is missing",
      "line 2: image i2 pdq: is not 64 hexadecimal digits: it has 2 characters",
      "line 2: deletedImage id: is missing",
    ]);
  });
});

const record = (hashValue: string, more: object = {}) => ({
  ...{ lastModtimestamp: 1, signalType: "ImagePDQ", hashValue, hashStatus: "Active", caseNumbers: { "1": "Active" } },
  ...more,
});
const pageOf = (records: object[], more: object = {}) =>
  JSON.stringify(
    { count: records.length, nextPageToken: "t", hashRecords: records, nextSetTimestamp: 99, hasMoreRecords: true, ...more },
    null,
    1,
  );

describe("StopNCII's JSON", () => {
  it("gives PDQs and withdrawals of one page or several, and says where it goes on", async () => {
    const text = `${pageOf([record(A), record(B, { hashStatus: "Withdrawn", note: 'a "}]{" b\\' })])}\n${pageOf([], { hasMoreRecords: false })}`;
    for (const bytes of [1, 17, 100_000]) {
      const told: StopNciiPage = {};
      const { entries, bad } = await readAs((chunks) => readStopNcii(chunks, told), text, bytes);
      expect(bad).toEqual([]);
      expect(entries).toMatchObject([{ signal: { frames: [{ hash: A }] } }, { signal: undefined }]);
      expect(told).toEqual({ nextPageToken: "t", nextSetTimestamp: 99, hasMoreRecords: false });
    }
  });

  it("names records that it cannot use", async () => {
    const text = pageOf([
      record("x", { signalType: "VideoMD5" }),
      record("12"),
      { signalType: "ImagePDQ" },
      record(A, { hashStatus: "Odd" }),
    ]);
    const { bad } = await readAs(readStopNcii, text);
    expect(bad).toEqual([
      "line 5: signalType: VideoMD5 is not supported: only ImagePDQ finds altered copies",
      "line 14: hashValue: is not 64 hexadecimal digits: it has 2 characters",
      "line 23: hashValue: is wrong: Invalid input: expected string, received undefined",
      "line 26: hashStatus: must be active, withdrawn or deleted",
    ]);
  });

  it.each([
    ["", "is empty"],
    ["[1]", "must begin with {"],
    ["[]", "must begin with {"],
    ['"a"', "is not a JSON object"],
    ['{"a":1}', "is missing: is it an answer of FetchHashes?"],
    ['{"hashRecords":[1]}', "must be an array of objects"],
    ['{"hashRecords":["a"]}', "must be an array of objects"],
    ['{"hashRecords":[[1]]}', "must be an array of objects"],
    ['{"hashRecords":[{}', "ends early: fetch it again"],
    ["{".repeat(100_000), "nested"],
    [`{"hashRecords":[${'{"a":'.repeat(100_000)}`, "nested"],
    ['{"hashRecords":[] oops}', "is not JSON"],
    ['{"hashRecords":[{}{}]}', "must be an array of objects"],
    ['{"hashRecords":[{},]}', "must be an array of objects"],
    [`{"a":"${"x".repeat(70_000)}","hashRecords":[]}`, "more than 65536 characters stand beside"],
    [`{"hashRecords":[{"a":"${"x".repeat(2 ** 20)}"}]}`, "a record has more than"],
  ])("refuses %.40s", async (text, problem) => {
    await expect(collect(readStopNcii(chunked(text, 4096)))).rejects.toThrow(problem);
  });
});
