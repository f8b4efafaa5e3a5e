import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../src/config.js";
import { UsageError } from "../../../src/errors.js";
import { findDecoder } from "../../../src/media/find-decoder.js";
import { dir } from "../support.js";
import { attack, decoders } from "./support.js";

const secret = join(dir, "secret.txt");
writeFileSync(secret, "a secret of ours");
const input = join(dir, "an input, with\n a strange name.bin");
writeFileSync(input, "the input");

process.env.REUPLOAD_TEST_SECRET = "a secret in the environment";

const prints = (expression: string) => `
  let text;
  try { text = String(${expression}); } catch (error) { text = "refused: " + error.code; }
  process.stdout.write(text);`;

for (const { kind, decoder, missing } of await decoders()) {
  const sandbox = decoder?.sandbox;
  const isolates = kind !== "limits";

  describe.skipIf(!sandbox)(`the sandbox of kind ${kind} ${missing}`, () => {
    test("gives a program its input and nothing else to read", async () => {
      const name = JSON.stringify(sandbox!.inputName(input));
      const own = await attack(sandbox!, prints(`require("fs").readFileSync(${name})`), { inputPath: input });
      expect(own).toMatchObject({ said: "the input", exitCode: 0 });
      if (!isolates) return;
      for (const path of [secret, "/etc/passwd", "/proc/self/environ", "/proc/1/environ", "/root", "/home"]) {
        const { said } = await attack(
          sandbox!,
          prints(`require("fs").readdirSync("/").length && require("fs").readFileSync("${path}")`),
        );
        expect(said, path).toBe("refused: ENOENT");
      }
      const { said } = await attack(sandbox!, prints(`require("fs").readdirSync("/")`), { inputPath: input });
      expect(said.split(",")).not.toContain("etc/passwd");
      expect(said.split(",")).toContain("input");
    });

    test("has no environment", async () => {
      const { said } = await attack(sandbox!, prints("JSON.stringify(process.env)"));
      expect(said).not.toContain("SECRET");
      expect(JSON.parse(said).PATH ?? "").not.toContain("node_modules");
    });

    test.skipIf(!isolates)("reaches nobody, not even on this machine", async () => {
      let visits = 0;
      const server = createServer((socket) => {
        visits++;
        socket.end();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      const { said } = await attack(
        sandbox!,
        `require("net").connect(${port}, "127.0.0.1")
          .on("connect", () => process.stdout.write("connected"))
          .on("error", (error) => process.stdout.write(error.code));`,
      );
      server.close();
      // Refused by the filter, or nobody there: the loopback inside is another.
      expect(said).toMatch(kind === "bubblewrap" && process.arch === "x64" ? /^(EPERM|EACCES)$/ : /^(ENETUNREACH|ECONNREFUSED)$/);
      expect(visits).toBe(0);
    });

    test("writes nothing to any file", async () => {
      const paths = isolates ? ["/new", "/input", "/etc/ld.so.cache", process.execPath] : [join(dir, "written.txt")];
      for (const path of paths) {
        const { said, exitCode, signal } = await attack(
          sandbox!,
          prints(`(require("fs").writeFileSync(${JSON.stringify(path)}, "written"), "written")`),
          { inputPath: input },
        );
        // The limit on written bytes is told by a signal, which Node ignores.
        expect(said, path).toMatch(isolates ? /^refused: (EROFS|EACCES|ENOENT|EPERM|ETXTBSY)$/ : /^refused: EFBIG$/);
        expect([exitCode, signal]).toEqual([0, null]);
      }
    });

    test("cannot fill more memory than its limit", async () => {
      const fill = `const held = []; for (;;) { held.push(Buffer.alloc(64 * 1024 ** 2, 1)); process.stdout.write("."); }`;
      const { said, exitCode } = await attack(sandbox!, fill);
      expect(exitCode).not.toBe(0);
      const blocks = /^\.*/.exec(said)![0].length;
      expect(blocks).toBeGreaterThan(0);
      expect(blocks * 64).toBeLessThan(512);
    });

    test("cannot compute for longer than its limit", async () => {
      const { said, exitCode, signal } = await attack(sandbox!, `for (;;);`, { limits: { cpuSeconds: 1 } });
      expect(said.replace(/^unshare: .*/, "").trim()).toBe("");
      expect(exitCode === 0 && signal === null).toBe(false);
    });

    test("opens no more than a few files", async () => {
      const open = `let n = 0; try { for (;;) { require("fs").openSync(process.execPath); n++; } } catch (error) { process.stdout.write(error.code + " " + n); }`;
      const { said } = await attack(sandbox!, open);
      expect(said).toMatch(/^EMFILE \d\d$/);
    });

    test.skipIf(!isolates)("sees no other processes, and can signal none", async () => {
      const { said } = await attack(sandbox!, prints(`process.kill(${process.pid}, 0)`));
      expect(said).toBe("refused: ESRCH");
    });

    test.skipIf(kind !== "bubblewrap" || process.arch !== "x64")("starts no other program", async () => {
      const start = `const { spawnSync } = require("child_process");
        process.stdout.write(String(spawnSync(process.execPath, ["--version"]).error?.code));`;
      expect((await attack(sandbox!, start)).said).toBe("EPERM");
    });
  });
}

test("one that is asked for by name and does not work is refused by name", async () => {
  const config = loadConfig({ MEDIA_SANDBOX: "bubblewrap", FFMPEG_PATH: "/nowhere/ffmpeg" });
  await expect(findDecoder(config)).rejects.toThrow(UsageError);
  expect(() => loadConfig({ MEDIA_SANDBOX: "jail" })).toThrow(
    "MEDIA_SANDBOX must be auto, bubblewrap, namespaces, limits or none",
  );
});

test("what is found says why it is not a stronger one", async () => {
  const { sandbox } = await findDecoder(loadConfig({}));
  expect(sandbox.why).toMatch(sandbox.kind === "bubblewrap" ? /^the strongest there is$/ : /bubblewrap: /);
});
