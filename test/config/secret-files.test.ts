import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSecret, SECRET_VARIABLES, withoutSecrets } from "../../src/config/secret-files.js";
import { loadConfig } from "../../src/config.js";
import { reupload } from "../stories/support.js";
import { temporaryDir } from "../support/temporary-dir.js";

const { path: folder } = temporaryDir();
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

describe("secrets in files", () => {
  test("every secret may be in a file, without the line break at its end", () => {
    for (const name of SECRET_VARIABLES)
      for (const end of ["", "\n", "\r\n"])
        expect(readSecret({ [`${name}_FILE`]: file("one", `a secret ${end}`) }, name)).toBe("a secret ");
  });

  test("the configuration takes them from there, and checks them as it checks variables", () => {
    const config = loadConfig({
      DATABASE_URL_FILE: file("database", "postgres://reupload:pw@db.example/reupload\n"),
      REDIS_URL_FILE: file("redis", "rediss://:pw@redis.example\n"),
      SMTP_URL_FILE: file("smtp", "smtps://mail.example\n"),
      OIDC_CLIENT_SECRET_FILE: file("oidc", "s3cret\n"),
    });
    expect(config).toMatchObject({
      databaseUrl: "postgres://reupload:pw@db.example/reupload",
      redisUrl: "rediss://:pw@redis.example",
      smtpUrl: "smtps://mail.example",
      oidcClientSecret: "s3cret",
    });
    expect(() => loadConfig({ DATABASE_URL_FILE: file("wrong", "mysql://user:hunter2@x") })).toThrow(
      /^configuration: DATABASE_URL must start with postgres:\/\/ or postgresql:\/\/$/,
    );
  });

  test("an empty variable counts as unset, in either form", () => {
    const path = file("database-2", "postgres://db.example/reupload");
    expect(loadConfig({ DATABASE_URL: "", DATABASE_URL_FILE: path }).databaseUrl).toBe("postgres://db.example/reupload");
    expect(loadConfig({ DATABASE_URL: "postgres://x/y", DATABASE_URL_FILE: "" }).databaseUrl).toBe("postgres://x/y");
  });

  test("one error names every file that will not do, beside what else is wrong, and quotes none", () => {
    mkdirSync(join(folder, "a-folder"));
    const load = () =>
      loadConfig({
        DATABASE_URL: "postgres://user:hunter2@x",
        DATABASE_URL_FILE: file("both", "postgres://user:hunter2@y"),
        REDIS_URL_FILE: join(folder, "nothing-here"),
        SMTP_URL_FILE: join(folder, "a-folder"),
        OIDC_CLIENT_SECRET_FILE: file("two-lines", "hunter2\nhunter2\n"),
        HTTP_PORT: "many",
      });
    expect(load).toThrow(/DATABASE_URL and DATABASE_URL_FILE are both set: set one of them/);
    expect(load).toThrow(/REDIS_URL_FILE: \S+nothing-here does not exist/);
    expect(load).toThrow(/SMTP_URL_FILE: \S+a-folder is a folder/);
    expect(load).toThrow(/OIDC_CLIENT_SECRET_FILE: \S+two-lines must hold the secret on one line/);
    expect(load).toThrow(/HTTP_PORT must be a whole number/);
    expect(load).not.toThrow(/hunter2/);
    expect(() => readSecret({ NCMEC_USER_FILE: file("empty", "\n") }, "NCMEC_USER")).toThrow(/NCMEC_USER_FILE: \S+ is empty/);
  });

  test("a run that must not touch the installation has none of them", () => {
    const env = { HOME: "/root", DATABASE_URL: "postgres://x", REDIS_URL_FILE: "/run/secrets/redis", NCMEC_PASSWORD: "x" };
    expect(withoutSecrets(env)).toEqual({ HOME: "/root" });
  });

  test("the program says in one sentence which file is missing, with exit code 2", async () => {
    const child = reupload(["migrate"], { DATABASE_URL_FILE: "/nowhere/database-url", REUPLOAD_DATA_DIR: folder });
    let stderr = "";
    child.stderr!.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, stderr]).toEqual([2, "reupload: configuration: DATABASE_URL_FILE: /nowhere/database-url does not exist\n"]);
  });
});
