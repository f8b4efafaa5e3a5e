import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT, read, run } from "./support.js";

interface LockEntry {
  version: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  link?: boolean;
}

const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, LockEntry> };
const entries = Object.entries(lock.packages).filter(([path]) => path !== "");
const direct = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "reupload-supply-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

describe("the packages", () => {
  it("have exact versions, and each a hash that npm checks", () => {
    const versions = ["dependencies", "optionalDependencies", "devDependencies"].flatMap((kind) =>
      Object.entries(manifest[kind]),
    );
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
    expect(
      entries.filter(([, { integrity = "" }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity)).map(([path]) => path),
    ).toEqual([]);
  });

  it("come from npm's registry and from nowhere else", () => {
    const elsewhere = entries.filter(
      ([, { resolved, link }]) => link || !(resolved ?? "https://registry.npmjs.org/").startsWith("https://registry.npmjs.org/"),
    );
    expect(elsewhere).toEqual([]);
  });

  it("are in docs/dependencies.md with a reason, and none is there that is not used", () => {
    const rows = read("docs/dependencies.md").matchAll(/^\| (`[^|]+) \|/gm);
    const told = [...rows].flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
    expect(told.sort()).toEqual([...direct].sort());
  });

  it("are each imported by a source file", () => {
    const sources = filesBelow(join(ROOT, "src"))
      .filter((path) => /\.m?[jt]s$/.test(path))
      .map((path) => readFileSync(path, "utf8"))
      .join("\n");
    const names = direct.filter((name) => !new RegExp(`["'\`]${name}(/[^"'\`]*)?["'\`]`).test(sources));
    // Named by the platform that they are for.
    expect(names.filter((name) => !name.endsWith("/linux-x64"))).toEqual([]);
  });
});

describe("licences", () => {
  const withEntry = (name: string, entry: Partial<LockEntry>) => {
    const changed = structuredClone(lock);
    changed.packages[`node_modules/${name}`] = { version: "1.0.0", ...entry };
    const root = changed.packages[""] as unknown as { dependencies: Record<string, string> };
    root.dependencies[name] = "1.0.0";
    const path = join(folder, "package-lock.json");
    writeFileSync(path, JSON.stringify(changed));
    return path;
  };

  it("are all known and allowed, ffmpeg's GPL with the reason why it may be", () => {
    const { code, output } = run(process.execPath, ["scripts/licences.mjs"]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^@ffmpeg-binary\/linux-x64 .* GPL-3\.0-or-later .*process of its own/m);
    for (const name of Object.keys(manifest.dependencies)) expect(output).toContain(`${name} `);
  });

  it.each(["AGPL-3.0-only", "SSPL-1.0", "UNLICENSED", undefined])("stop a package under %s", (license) => {
    const { code, output } = run(process.execPath, ["scripts/licences.mjs", "--lockfile", withEntry("surprise", { license })]);
    expect(code).toBe(1);
    expect(output).toContain(`nobody has looked at surprise (${license ?? "none given"})`);
  });
});

describe("the bill of materials", () => {
  it("is the same each time and names every package that production needs, with its hash", () => {
    const [first, second] = [1, 2].map(() => run(process.execPath, ["scripts/sbom.mjs"]).output);
    expect(second).toBe(first);
    const bill = JSON.parse(first);
    expect(bill).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.5", metadata: { component: { name: "reupload" } } });
    expect(bill.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    const names = bill.components.map(({ name }: { name: string }) => name);
    // jose is a development package as well, which must not hide it; vitest is one only.
    for (const name of [...direct, "jose", "@fastify/busboy", "pg-types"]) expect(names).toContain(name);
    for (const name of ["vitest", "typescript", "@biomejs/biome"]) expect(names).not.toContain(name);
    const zod = bill.components.find(({ name }: { name: string }) => name === "zod");
    const hash = Buffer.from(lock.packages["node_modules/zod"].integrity!.slice(7), "base64").toString("hex");
    expect(zod).toMatchObject({ purl: `pkg:npm/zod@${manifest.dependencies.zod}`, hashes: [{ alg: "SHA-512", content: hash }] });
  });

  it("takes in Debian's packages, and leaves out what is not installed", () => {
    const debian = mkdtempSync(join(folder, "debian-"));
    writeFileSync(
      join(debian, "ffmpeg"),
      "Package: ffmpeg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7:5.1.9-0+deb12u1\n",
    );
    const { output } = run(process.execPath, ["scripts/sbom.mjs", "--installed", folder, "--debian", debian]);
    const purls = JSON.parse(output).components.map(({ purl }: { purl: string }) => purl);
    expect(purls).toEqual(["pkg:deb/debian/ffmpeg@7%3A5.1.9-0%2Bdeb12u1?arch=amd64"]);
  });
});

describe("the build", () => {
  it("has the same bytes in two folders", () => {
    const builds = ["one", "another place"].map((name) => {
      const path = join(folder, name);
      for (const part of ["src", "scripts", "package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"])
        cpSync(join(ROOT, part), join(path, part), { recursive: true });
      symlinkSync(join(ROOT, "node_modules"), join(path, "node_modules"));
      const { code, output } = run(process.execPath, [join(path, "scripts", "build.mjs")]);
      expect(code, output).toBe(0);
      return path;
    });
    const [first, second] = builds.map((path) => filesBelow(join(path, "dist")).map((file) => file.slice(path.length)));
    expect(first.length).toBeGreaterThan(300);
    expect(second).toEqual(first);
    for (const file of first) {
      const [a, b] = builds.map((path) => readFileSync(join(path, file)));
      expect(a.equals(b), `${file} differs`).toBe(true);
    }
  }, 600_000);
});
