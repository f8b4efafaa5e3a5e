import { describe, expect, it } from "vitest";
import { linesOf } from "../../src/exchange/lines.js";
import { readCsv, readJsonLines, readThreatExchange, readVpdq } from "../../src/exchange/read-lines.js";
import { chunked, collect, pdqHex, readAs } from "./support.js";

const A = pdqHex(1);
const B = pdqHex(2);

describe("lines", () => {
  it("are the same wherever the file is cut, with LF or CRLF and a byte order mark", async () => {
    const text = "\ufeffone\r\n\r\n  two\t\nthrée";
    for (const bytes of [1, 2, 3, 100]) {
      expect(await collect(linesOf(chunked(text, bytes)))).toEqual([
        { number: 1, text: "one" },
        { number: 3, text: "two" },
        { number: 4, text: "thrée" },
      ]);
    }
  });

  it("that are too long are named, and the next one is read", async () => {
    expect(await collect(linesOf(chunked(`${"x".repeat(5_000)}\nnext`, 64), 100))).toEqual([
      { place: "line 1", field: "line", problem: "has 5000 bytes; 100 are allowed: split it" },
      { number: 2, text: "next" },
    ]);
  });

  it("with NUL, or in another encoding, are named", async () => {
    const bytes = Buffer.concat([Buffer.from("a\0b\n"), Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from("good")]);
    expect(await collect(linesOf(chunked(bytes)))).toEqual([
      { place: "line 1", field: "line", problem: "holds NUL or other control characters: remove them" },
      { place: "line 2", field: "line", problem: "is not UTF-8: save the file as UTF-8" },
      { number: 3, text: "good" },
    ]);
  });
});

describe("a ThreatExchange file", () => {
  it("has a type and a hash a line, or a bare PDQ; either case of a digit is the same hash", async () => {
    const { entries, bad } = await readAs(readThreatExchange, `pdq ${A}\n${B}\npdq ${A.toUpperCase()}\n`);
    expect(bad).toEqual([]);
    expect(entries.map((e) => e.signal?.frames[0].hash)).toEqual([A, B, A]);
    expect(entries[0].entry).toBe(entries[2].entry);
    expect(entries[0].entry).not.toBe(entries[1].entry);
  });

  it("names what cannot be used, with its line, and goes on", async () => {
    const { entries, bad } = await readAs(
      readThreatExchange,
      `pdq ${A.slice(1)}\nvideo_md5 ${"a".repeat(32)}\npdq ${"a1".repeat(16)}\npdq ${"0".repeat(64)}\npdq ${B}`,
    );
    expect(bad).toEqual([
      "line 1: signal: is not 64 hexadecimal digits: it has 63 characters",
      "line 2: type: video_md5 is not supported: only pdq and vpdq find altered copies",
      "line 3: signal: is not 64 hexadecimal digits: it looks like an MD5, which finds only exact copies and is not supported",
      "line 4: signal: has 0 of 256 bits set, and a PDQ of a picture about half of them: leave it out",
    ]);
    expect(entries.map((e) => e.place)).toEqual(["line 5"]);
  });
});

describe("a vPDQ file", () => {
  it("has a signal string a line; times may have an exponent, and poor frames are left out", async () => {
    const signal = JSON.stringify([`${B},90,1.23e+03`, `${A},100,0.0`, `${A},49,2`]);
    const { entries, bad } = await readAs(readVpdq, signal);
    expect(bad).toEqual([]);
    expect(entries[0].signal).toEqual({
      type: "vpdq",
      frames: [
        { hash: A, quality: 100, atMs: 0 },
        { hash: B, quality: 90, atMs: 1_230_000 },
      ],
    });
  });

  it.each([
    ["{}", 'line 1: signal: must be an array of strings "hash,quality,seconds"'],
    ["[", "line 1: signal: is not JSON"],
    [`["${A},101,0"]`, "line 1: signal[0]: has a quality above 100"],
    [`["${A},100,-1"]`, 'line 1: signal[0]: must be a string of 64 hexadecimal digits, quality and seconds, as in "…,100,1.5"'],
    [`["${A},100,1e99"]`, "line 1: signal[0]: has a time beyond 24 days"],
    [`["${A},10,0"]`, "line 1: signal: has no frame of quality 50 or more: leave it out"],
    [`${"[".repeat(100_000)}`, "line 1: signal: is not JSON"],
  ])("names what is wrong in %s", async (text, problem) => {
    expect((await readAs(readVpdq, text, 4096)).bad).toEqual([problem]);
  });
});

describe("JSON Lines", () => {
  it("give id, hash, label and case, and withdraw", async () => {
    const { entries, bad } = await readAs(
      readJsonLines,
      [
        JSON.stringify({ entry: "e1", hash: A, label: "one", case: "C-1", quality: 80, other: { deep: [1] } }),
        JSON.stringify({ entry: "e2", type: "vpdq", frames: [`${A},100,0`] }),
        JSON.stringify({ entry: "e3", status: "Withdrawn" }),
      ].join("\n"),
    );
    expect(bad).toEqual([]);
    expect(entries).toMatchObject([
      { entry: "e1", label: "one", caseId: "C-1", signal: { type: "pdq", frames: [{ hash: A, quality: 80 }] } },
      { entry: "e2", signal: { type: "vpdq" } },
      { entry: "e3", signal: undefined },
    ]);
  });

  it.each([
    ["nonsense", "line 1: line: is not JSON"],
    ["3", "line 1: line: is wrong: must be an object"],
    ['{"entry":"e"}', "line 1: hash: is missing"],
    [`{"hash":"${A}","quality":12}`, "line 1: hash quality: is 12; under 50 a PDQ says nothing: leave it out"],
    [`{"hash":"${A}","case":"a b"}`, "line 1: case: must be 1-128 printable characters without spaces"],
    [`{"hash":"${A}","status":"maybe"}`, "line 1: status: must be active, withdrawn or deleted"],
    [`{"hash":"${A}","entry":"${"x".repeat(300)}"}`, "line 1: entry: has 300 characters; 256 are allowed"],
    [`{"hash":"${A}","label":"a\\u0000b"}`, "line 1: label: has control characters: remove them"],
  ])("name what is wrong in %s", async (text, problem) => {
    expect((await readAs(readJsonLines, text)).bad).toEqual([problem]);
  });
});

describe("CSV", () => {
  it("names its columns in any order, and quotes as usual", async () => {
    const { entries, bad } = await readAs(
      readCsv,
      `label,HASH,entry,ours\n"a ""b"", c", ${A} ,e1,\nplain,${B},e2,"x"\n,,e3,\n,"[""${A},100,0.5""]",e4,`,
    );
    expect(entries).toMatchObject([
      { entry: "e1", label: 'a "b", c', signal: { frames: [{ hash: A }] } },
      { entry: "e2", label: "plain", signal: { frames: [{ hash: B }] } },
    ]);
    expect(bad).toEqual(["line 4: hash: is missing", "line 5: hash: is not 64 hexadecimal digits: it has 76 characters"]);
  });

  it("names records that are not whole", async () => {
    const { bad } = await readAs(readCsv, `hash,label\n${A}\n${A},"open\n${A},"a"b\n${A},x,y`);
    expect(bad).toEqual([
      "line 2: line: has 1 fields, and the header names 2",
      "line 3: line: has a quote that is not closed on its line",
      "line 4: line: has text after a closing quote",
      "line 5: line: has 3 fields, and the header names 2",
    ]);
  });

  it("without a header is refused as a whole", async () => {
    await expect(readAs(readCsv, `${A}\n${B}`)).rejects.toThrow("the first line must name the columns");
  });
});
