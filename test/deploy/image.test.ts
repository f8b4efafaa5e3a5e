import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findFfmpeg } from "../../src/media/find-ffmpeg.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { freePort } from "../support/free-port.js";
import { isThere, ROOT, read, run } from "./support.js";

/** What the image is made with, and bubblewrap in the place of a container engine: its root, its user, nothing else. */
const canTry =
  ["dpkg-query", "ldd", "prlimit", "setpriv", "bwrap"].every(isThere) &&
  spawnSync("bwrap", ["--unshare-user", "--ro-bind", "/", "/", "true"]).status === 0;

let folder: string;
let root: string;
let database: TestDatabase;

/** Native libraries of packages, as the Dockerfile names them. */
const nativeFiles = () =>
  readdirSync(join(ROOT, "node_modules"), { recursive: true, encoding: "utf8" })
    .filter(
      (path) => /(\.node|\.so\.[^/]*)$/.test(path) && /^(@img|@node-rs|@msgpackr-extract)\//.test(path) && !path.includes("musl"),
    )
    .map((path) => join(ROOT, "node_modules", path));

function buildInto(path: string): void {
  for (const part of ["src", "scripts", "package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"])
    cpSync(join(ROOT, part), join(path, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(path, "node_modules"));
  const { code, output } = run(process.execPath, [join(path, "scripts", "build.mjs")]);
  expect(code, output).toBe(0);
}

async function makeImage(): Promise<void> {
  // Debian's ffmpeg is a program of the image. Where there is npm's only, that is put in its place.
  const { path: ffmpeg } = await findFfmpeg({});
  const packaged = ffmpeg.includes("/node_modules/");
  const programs = [process.execPath, "bwrap", "prlimit", "setpriv", ...(packaged ? [] : [ffmpeg])];
  const { code, output } = run("sh", [
    "deploy/image/make-root.sh",
    root,
    ...programs,
    "--",
    ...nativeFiles(),
    ...(packaged ? [ffmpeg] : []),
  ]);
  expect(code, output).toBe(0);
  if (packaged) copyFileSync(ffmpeg, join(root, "usr/bin/ffmpeg"));
  buildInto(join(folder, "build"));
  for (const part of ["dist", "package.json"]) cpSync(join(folder, "build", part), join(root, "app", part), { recursive: true });
  mkdirSync(join(root, "app/node_modules"));
}

/** The image's program as a container engine would run it: user 1000, no capability, a read-only root, memory at /tmp. */
function inImage(args: string[], env: Record<string, string> = {}): [string, string[]] {
  const variables = {
    ...{
      PATH: `${process.execPath.replace(/\/node$/, "")}:/usr/local/bin:/usr/bin`,
      NODE_ENV: "production",
      FFMPEG_PATH: "/usr/bin/ffmpeg",
    },
    ...{
      MEDIA_ROOTS: "/media",
      MEDIA_TMP_DIR: "/tmp",
      REUPLOAD_DATA_DIR: "/tmp/reupload",
      DATABASE_URL: database.connectionString,
    },
    ...env,
  };
  return [
    "bwrap",
    [
      ...[
        "--unshare-user",
        "--unshare-ipc",
        "--uid",
        "1000",
        "--gid",
        "1000",
        "--cap-drop",
        "ALL",
        "--die-with-parent",
        "--clearenv",
      ],
      ...["--ro-bind", root, "/", "--ro-bind", join(ROOT, "node_modules"), "/app/node_modules"],
      ...[
        "--ro-bind",
        join(ROOT, "fixtures"),
        "/media",
        "--dev",
        "/dev",
        "--ro-bind",
        "/proc",
        "/proc",
        "--tmpfs",
        "/tmp",
        "--chdir",
        "/app",
      ],
      ...Object.entries(variables).flatMap(([name, value]) => ["--setenv", name, value]),
      ...["--", ...args],
    ],
  ];
}

const runInImage = (...args: string[]) => run(...inImage(args));

/** bubblewrap passes no signals on; a container engine sends them to the program itself. */
const childOf = (pid: number) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());

/** What /health/ready says as soon as it says yes. */
function untilReady(port: number, child: ChildProcess): Promise<unknown> {
  const ask = async () => {
    if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
    return answer?.status === 200 ? answer.json() : void (await answer?.body?.cancel());
  };
  return vi.waitUntil(ask, { interval: 100, timeout: 60_000 });
}

describe.skipIf(!canTry)("the image's root", () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "reupload-image-"));
    root = join(folder, "root");
    database = await testDatabase();
    await makeImage();
  }, 400_000);
  afterAll(async () => {
    await database?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("has the programs that are asked for and no shell, package manager or program with a set-user-ID bit", () => {
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => !path.startsWith("app/"));
    const programs = files.filter((path) => /^usr\/(local\/)?bin\/./.test(path)).map((path) => path.split("/").at(-1));
    expect(programs.sort()).toEqual(["bwrap", "ffmpeg", "node", "prlimit", "setpriv"]);
    expect(files.filter((path) => (statSync(join(root, path)).mode & 0o6000) !== 0)).toEqual([]);
    expect(runInImage("sh", "-c", "true").code).not.toBe(0);
  });

  it("knows what Debian's packages it is from, for scanners, with their notices", () => {
    const packages = readdirSync(join(root, "var/lib/dpkg/status.d"));
    expect(packages).toEqual(expect.arrayContaining(["bubblewrap", "ca-certificates", "libc6", "libstdc++6", "util-linux"]));
    for (const name of packages) expect(readFileSync(join(root, "var/lib/dpkg/status.d", name), "utf8")).toMatch(/^Version: ./m);
  });

  it("cannot be written to by its user, who is not root", () => {
    const script = `
      const { writeFileSync } = require("node:fs");
      const tried = ["/x", "/app/x", "/etc/x", "/tmp/x"].map((path) => { try { writeFileSync(path, ""); return "written"; } catch (e) { return e.code; } });
      console.log(JSON.stringify([process.getuid(), ...tried]));`;
    expect(JSON.parse(runInImage("node", "-e", script).output)).toEqual([1000, "EROFS", "EROFS", "EROFS", "written"]);
  });

  it("is enough to register a video, to find it again, and to read a picture", () => {
    const reupload = (...args: string[]) => runInImage("node", "dist/main.js", ...args);
    const registered = reupload("known", "add", "/media/videos/friday.mp4", "--case", "C-1");
    expect(registered.code, registered.output).toBe(0);
    const checked = reupload("check", "/media/videos/friday.mp4", "/media/images/teapot.jpg", "--json");
    const verdicts = checked.output
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line).verdict);
    expect(verdicts, checked.output).toEqual(["match", "clear"]);
  });

  it("runs the service in all its roles, passes its health check, and stops when it is told to", async () => {
    const port = await freePort();
    const settings = { HTTP_PORT: `${port}`, ROLES: "worker,relay,web" };
    const [program, args] = inImage(["node", "dist/main.js", "start"], settings);
    const child = spawn(program, args, { stdio: "ignore" });
    const exited = once(child, "exit");
    try {
      expect(await untilReady(port, child)).toMatchObject({
        status: "ready",
        checks: { database: "ok", queue: "ok", ffmpeg: "ok" },
      });
      const check = JSON.parse(/^HEALTHCHECK .*\\\n\s*CMD (.*)$/m.exec(read("Dockerfile"))![1]) as string[];
      expect(run(...inImage(check, settings)).code).toBe(0);
      expect(run(...inImage(check, { HTTP_PORT: `${await freePort()}` })).code).toBe(1);
      process.kill(childOf(child.pid!), "SIGTERM");
      expect(await exited).toEqual([0, null]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("the Dockerfile", () => {
  const stages = read("Dockerfile")
    .split(/^FROM /m)
    .slice(1);
  const last = stages.at(-1)!;

  it("ends in an image that has only what was copied, runs as a number, and says what it is", () => {
    expect(last).toMatch(/^scratch\nCOPY --from=root \/image \/\n/);
    expect(last).not.toMatch(/^RUN /m);
    expect(last).toMatch(/^USER 1000:1000$/m);
    expect(last).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(last).toContain('org.reupload.sbom="/app/sbom.cdx.json"');
    expect(last).toContain(`ARG VERSION=${JSON.parse(read("package.json")).version}\n`);
  });

  it("copies nothing that .dockerignore keeps out", () => {
    const kept = [...read(".dockerignore").matchAll(/^!(.+?)\/?$/gm)].map(([, path]) => path);
    const copied = [...read("Dockerfile").matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths]) => paths.split(" "));
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied)
      expect(
        kept.some((keep) => path === keep || path.startsWith(`${keep}/`)),
        path,
      ).toBe(true);
  });
});
