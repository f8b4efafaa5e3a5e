import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { UnscannableError } from "../../../src/errors.js";
import { type FetchOptions, fetchMedia } from "../../../src/media/fetch/fetch-media.js";
import { findPageFetcher, type PageFetcher } from "../../../src/media/fetch/page-fetcher.js";
import { pathOf } from "../../../src/media/sandbox/choice.js";
import { temporaryDir } from "../../support/temporary-dir.js";
import { http, PUBLIC, type RawServer, rawServer, testNetwork } from "./download-servers.js";

const python = "/usr/bin/python3";
const missing =
  existsSync(python) && pathOf("bwrap") ? "" : "(python3 or bubblewrap is not installed: apt-get install python3 bubblewrap)";

/** In place of yt-dlp: does what a page may have talked it into, and writes what came of it where a video should be. */
const HOSTILE = (deed: string) => `#!${python}
import os, socket, subprocess, sys, time
if "--version" in sys.argv:
    print("2026.11.01")
    sys.exit(0)
def tried(work):
    try:
        return "did: " + str(work())
    except BaseException as error:
        return "failed: " + type(error).__name__
def say(*words):
    open("media", "w").write("\\n".join(words))
url = sys.stdin.read().strip()
${deed}
`;

let server: RawServer;
const dir = temporaryDir().path;
const tmpDir = join(dir, "tmp");
mkdirSync(tmpDir);
const fetchers = new Map<string, PageFetcher>();

beforeEach(() => {
  rmSync(tmpDir, { recursive: true, force: true });
  mkdirSync(tmpDir);
});
beforeAll(async () => {
  server = await rawServer({ "/page": (socket) => socket.end(http("200 OK\nContent-Type: text/html", "<html></html>")) });
});
afterAll(() => server.close());

async function fetcherThat(deed: string): Promise<PageFetcher> {
  const folder = join(dir, `deed-${fetchers.size}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "yt-dlp"), HOSTILE(deed), { mode: 0o755 });
  const fetcher = (await findPageFetcher({ pageFetcher: "yt-dlp", ytDlpPath: join(folder, "yt-dlp") })) as PageFetcher;
  fetchers.set(deed, fetcher);
  return fetcher;
}

const OPTIONS = { mediaRoots: [], tmpDir, maxBytes: 5_000_000, timeoutMs: 60_000, allowPrivateAddresses: false };

async function fetchWith(deed: string, more: Partial<FetchOptions> = {}, loosen: Partial<PageFetcher> = {}) {
  const pageFetcher = { ...(await fetcherThat(deed)), ...loosen };
  const network = testNetwork({ "videos.test": [[PUBLIC]] });
  const options = { ...OPTIONS, network, pageFetcher, ports: [server.port], ...more };
  return fetchMedia({ url: `http://videos.test:${server.port}/page` }, options, new AbortController().signal);
}

/** What it wrote. */
async function said(deed: string, loosen: Partial<PageFetcher> = {}): Promise<string[]> {
  const file = await fetchWith(deed, {}, loosen);
  const lines = readFileSync(file.path, "utf8").split("\n");
  await file.dispose();
  expect(readdirSync(tmpDir)).toEqual([]);
  return lines;
}

async function failure(fetched: Promise<unknown>): Promise<Error> {
  const error = await fetched.then(
    () => new Error("it was fetched"),
    (e: Error) => e,
  );
  expect(readdirSync(tmpDir)).toEqual([]);
  return error;
}

const processesThatSay = (word: string) =>
  readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(word);
    } catch {
      return false;
    }
  });

describe.skipIf(missing)(`a page fetcher that has been taken over ${missing}`, () => {
  test("reaches no address but through the proxy", { timeout: 60_000 }, async () => {
    server.asked.length = 0;
    const [direct, inside, name] = await said(`
say(tried(lambda: socket.create_connection(("${PUBLIC}", ${server.port}), 5)),
    tried(lambda: socket.create_connection(("127.0.0.1", ${server.port}), 5)),
    tried(lambda: socket.getaddrinfo("example.org", 80)))`);
    expect([direct, inside, name].filter((line) => !line.startsWith("failed: "))).toEqual([]);
    expect(server.asked).toHaveLength(1);
  });

  test("finds no secrets: no environment, no home, no list of users, no other processes", { timeout: 60_000 }, async () => {
    process.env.PAGE_TEST_SECRET = "planted";
    const lines = await said(`
say(str(sorted(os.environ)),
    tried(lambda: os.listdir("${homedir()}")),
    tried(lambda: open("/etc/passwd").read()),
    tried(lambda: os.listdir("${dirname(dir)}")),
    str(len([p for p in os.listdir("/proc") if p.isdigit()])))`);
    delete process.env.PAGE_TEST_SECRET;
    expect(lines[0]).not.toContain("PAGE_TEST_SECRET");
    expect(lines[0]).not.toContain("PROXY_CREDENTIALS");
    expect(lines[1]).toBe("failed: FileNotFoundError");
    expect(lines[2]).toBe("failed: FileNotFoundError");
    expect(lines[3]).not.toContain("deed-");
    expect(Number(lines[4])).toBeLessThan(10);
  });

  test("writes nowhere but into its folder", { timeout: 60_000 }, async () => {
    const places = ["/usr", "/usr/lib", "/etc", "/", "/var/tmp", "/tmp", dirname(tmpDir)];
    const name = `planted-${process.pid}`;
    await said(`say(*[tried(lambda: open(p + "/${name}", "w").close()) for p in ${JSON.stringify(places)}])`);
    const planted = places.map((place) => join(place, name)).filter((path) => existsSync(path));
    for (const path of planted) rmSync(path);
    expect(planted).toEqual([]);
  });

  test("leaves no process behind", { timeout: 60_000 }, async () => {
    const deed = `
for i in range(5):
    subprocess.Popen(["sleep", "4${process.pid}"], start_new_session=True)
say("done")`;
    expect(await said(deed)).toEqual(["done"]);
    await expect.poll(() => processesThatSay(`sleep\x004${process.pid}`)).toEqual([]);
  });

  test.each([
    ["a link to another file", 'os.symlink("/proc/self/environ", "media")'],
    ["a pipe", 'os.mkfifo("media")'],
    ["a folder", 'os.mkdir("media")'],
    ["an empty file", "say()"],
    ["nothing", "pass"],
  ])("brings %s: it is unscannable", { timeout: 60_000 }, async (_, deed) => {
    expect(await failure(fetchWith(deed))).toBeInstanceOf(UnscannableError);
  });

  test("brings too large a file: it is cut off", { timeout: 60_000 }, async () => {
    const error = await failure(fetchWith('open("media", "wb").write(b"x" * 6_000_000)'));
    expect(error.message).toBe("the file is larger than the limit of 5000000 bytes");
  });

  test("fills the memory, the output or the time: it ends", { timeout: 120_000 }, async () => {
    expect((await failure(fetchWith('x = bytearray(3 * 1024 ** 3); say("had it")'))).message).toContain("videos.test");
    const talks = `
for i in range(3000):
    sys.stderr.write("ERROR: x" * 1000 + "\\n")
say("talked")`;
    expect(await said(talks)).toEqual(["talked"]);
    const error = await failure(fetchWith("while True: pass", { timeoutMs: 3_000 }));
    expect(error.message).toContain("did not give its video within 3 s");
  });

  test("is not the end when it is not confined: files, links and processes are dealt with as well", {
    timeout: 60_000,
  }, async () => {
    const open = { bwrap: undefined };
    expect(await failure(fetchWith('os.symlink("/etc/hostname", "media")', {}, open))).toBeInstanceOf(UnscannableError);
    expect(await said(`subprocess.Popen(["sleep", "5${process.pid}"]); say("done")`, open)).toEqual(["done"]);
    await expect.poll(() => processesThatSay(`sleep\x005${process.pid}`)).toEqual([]);
    const [names] = await said("say(str(sorted(os.environ)))", open);
    expect(names).not.toContain("DATABASE_URL");
  });
});

test.skipIf(missing)(`a confined fetcher of the newest version has nothing to warn of ${missing}`, async () => {
  const { warnings } = await fetcherThat("pass");
  expect(warnings.filter((text) => !text.includes("days old"))).toEqual([]);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));
