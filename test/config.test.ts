import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CONFIG_VARIABLES, loadConfig } from "../src/config.js";
import { UsageError } from "../src/errors.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

describe("the configuration", () => {
  test("every variable has its row in the README, in the same order", () => {
    const rows = readme.split("\n").filter((line) => /^\| `[A-Z_]+`/.test(line));
    const named = rows.flatMap((row) => [...row.split("|")[1].matchAll(/`([A-Z_]+)`/g)].map((m) => m[1]));
    expect(named).toEqual(CONFIG_VARIABLES);
  });

  test("one error names every bad variable and what it must be", () => {
    const load = () =>
      loadConfig({
        HTTP_PORT: "65536",
        ROLES: "worker,cook",
        DATABASE_URL: "mysql://x",
        WORKER_ATTEMPTS: "many",
        LOG_LEVEL: "loud",
      });
    expect(load).toThrow(UsageError);
    for (const name of ["HTTP_PORT", "ROLES", "DATABASE_URL", "WORKER_ATTEMPTS", "LOG_LEVEL"]) {
      expect(load).toThrow(new RegExp(`${name} (must|Invalid)`));
    }
  });

  test("an empty variable is one that is not set", () => {
    const empty = Object.fromEntries(CONFIG_VARIABLES.map((name) => [name, ""]));
    expect(loadConfig(empty)).toEqual(loadConfig({}));
  });

  test("a number is only a number: no signs, fractions, units or hexadecimals", () => {
    for (const value of ["-1", "+1", "1.5", "1e3", "0x10", "10s", " 10"]) {
      expect(() => loadConfig({ WORKER_CONCURRENCY: value })).toThrow(/WORKER_CONCURRENCY must be a whole number/);
    }
  });
});
