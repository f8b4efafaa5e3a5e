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

  test("an address that a driver could not read is refused by its name, and not quoted", () => {
    for (const value of ["postgres://reupload:hunter2%@db/x", "postgres://reupload:hunter2@db:port/x"])
      expect(() => loadConfig({ DATABASE_URL: value })).toThrow(
        /^configuration: DATABASE_URL is not a valid address: write special/,
      );
    expect(() => loadConfig({ REDIS_URL: "http://:hunter2@redis" })).toThrow(
      /^configuration: REDIS_URL must start with redis:\/\/ or rediss:\/\/$/,
    );
    for (const value of ["postgres://reupload:a%25b@db/x?sslmode=verify-full", "postgresql:///x?host=/run/postgresql"])
      expect(loadConfig({ DATABASE_URL: value }).databaseUrl).toBe(value);
  });

  test("a number is only a number: no signs, fractions, units or hexadecimals", () => {
    for (const value of ["-1", "+1", "1.5", "1e3", "0x10", "10s", " 10"]) {
      expect(() => loadConfig({ WORKER_CONCURRENCY: value })).toThrow(/WORKER_CONCURRENCY must be a whole number/);
    }
  });

  test("an address of our own is an origin, with or without a slash at the end", () => {
    expect(loadConfig({ PUBLIC_URL: "https://Reupload.example.org/" }).publicUrl).toBe("https://reupload.example.org");
    for (const value of ["reupload.example.org", "https://x.org/console", "https://x.org/?a", "ftp://x.org", "https://u:p@x.org"])
      expect(() => loadConfig({ PUBLIC_URL: value })).toThrow(/PUBLIC_URL must be an address/);
  });

  test("who signs people in is reached over TLS, unless it is on this machine, and the way back must be known", () => {
    const oidc = { OIDC_CLIENT_ID: "reupload", PUBLIC_URL: "https://reupload.example.org" };
    for (const value of ["https://id.example.org/realms/x", "http://127.0.0.1:9000", "http://localhost:9000"])
      expect(loadConfig({ ...oidc, OIDC_ISSUER: value }).oidcIssuer).toBe(value);
    for (const value of ["http://id.example.org", "id.example.org"])
      expect(() => loadConfig({ ...oidc, OIDC_ISSUER: value })).toThrow(/OIDC_ISSUER must start with https/);
    for (const missing of Object.keys(oidc))
      expect(() => loadConfig({ ...oidc, OIDC_ISSUER: "https://id.example.org", [missing]: "" })).toThrow(new RegExp(missing));
  });

  test("what encrypts is one key of 32 bytes in base64, or a new one and those before it, and a wrong one is not quoted", () => {
    const [key, older] = [Buffer.alloc(32, 7), Buffer.alloc(32, 8)];
    expect(loadConfig({}).webhookKey).toEqual([]);
    const both = `${key.toString("base64")}, ${older.toString("base64")}`;
    expect(loadConfig({ WEBHOOK_KEY: both }).webhookKey).toEqual([key, older]);
    for (const value of ["hunter2", Buffer.alloc(31).toString("base64"), key.toString("hex"), `${key.toString("base64")},`]) {
      expect(() => loadConfig({ WEBHOOK_KEY: value })).toThrow(/^configuration: WEBHOOK_KEY must be 32 random bytes in base64/);
      expect(() => loadConfig({ WEBHOOK_KEY: value })).not.toThrow(/hunter2/);
    }
  });

  test("proxies that are trusted are addresses or networks", () => {
    expect(loadConfig({ HTTP_TRUSTED_PROXIES: "10.0.0.0/8, ::1" }).httpTrustedProxies).toEqual(["10.0.0.0/8", "::1"]);
    for (const value of ["proxy", "10.0.0.0/33", "::/129", "10.0.0.1/8/8", "10.0.0.1,"])
      expect(() => loadConfig({ HTTP_TRUSTED_PROXIES: value })).toThrow(/HTTP_TRUSTED_PROXIES must be addresses/);
  });
});
