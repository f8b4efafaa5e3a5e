import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startProcess } from "../../support/process.js";
import { temporaryDir } from "../../support/temporary-dir.js";
import { PUBLIC } from "./download-servers.js";

const missing = spawnSync("openssl", ["version"]).status === 0 ? "" : "(openssl is not installed: apt-get install openssl)";
const dir = temporaryDir().path;
const path = (name: string) => join(dir, name);
const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** An authority that the fetching process trusts, and certificates for media.test: one that is valid, one that was, one by nobody. */
function makeCertificates(): void {
  openssl("req", "-x509", ...NEW_KEY, "-keyout", path("ca.key"), "-out", path("ca.pem"), "-days", "2", "-subj", "/CN=authority");
  writeFileSync(path("names"), "subjectAltName=DNS:media.test");
  writeFileSync(path("index"), "");
  const policy = "[p]\ncommonName=supplied\n[ca]\ndefault_ca=c\n[c]\npolicy=p\ndefault_md=sha256\nrand_serial=yes";
  writeFileSync(path("config"), `${policy}\ndatabase=${path("index")}\nnew_certs_dir=${dir}\nunique_subject=no\n`);
  const signing = [
    "-batch",
    "-config",
    path("config"),
    "-cert",
    path("ca.pem"),
    "-keyfile",
    path("ca.key"),
    "-extfile",
    path("names"),
  ];
  const times = { valid: ["-days", "2"], expired: ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"] };
  for (const [name, when] of Object.entries(times)) {
    openssl("req", ...NEW_KEY, "-keyout", path(`${name}.key`), "-out", path("request"), "-subj", "/CN=media.test");
    openssl("ca", ...signing, ...when, "-in", path("request"), "-out", path(`${name}.pem`), "-notext");
  }
  const alone = ["-x509", "-days", "2", "-subj", "/CN=media.test", "-addext", "subjectAltName=DNS:media.test"];
  openssl("req", ...alone, ...NEW_KEY, "-keyout", path("alone.key"), "-out", path("alone.pem"));
}

const pair = (name: string) => ({ key: readFileSync(path(`${name}.key`)), cert: readFileSync(path(`${name}.pem`)) });

async function portOf(server: Server): Promise<number> {
  server.listen(0, PUBLIC);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe.skipIf(missing)(`over TLS ${missing}`, () => {
  const servers: Server[] = [];
  let came: { bytes?: number; error?: string; message: string }[];

  beforeAll(async () => {
    makeCertificates();
    const https = (name: string) => createServer(pair(name), (_, response) => response.end("film"));
    const old = createServer({ ...pair("valid"), maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" });
    const onlyHttp2 = createSecureServer({ ...pair("valid"), allowHTTP1: false });
    servers.push(https("valid"), https("expired"), https("alone"), onlyHttp2, old, createPlainServer());
    const ports = await Promise.all(servers.map(portOf));
    const urls = [`https://media.test:${ports[0]}/a`, `https://other.test:${ports[0]}/a`];
    urls.push(...ports.slice(1).map((port) => `https://media.test:${port}/a`));
    process.env.NODE_EXTRA_CA_CERTS = path("ca.pem");
    const child = startProcess(join(import.meta.dirname, "download-tls-child.ts"), [dir, ...urls]);
    delete process.env.NODE_EXTRA_CA_CERTS;
    came = [];
    for (let line = await child.line(); line !== undefined; line = await child.line()) came.push(JSON.parse(line));
    await child.leave();
  }, 60_000);
  afterAll(() => {
    for (const server of servers) server.close();
  });

  test("media of a host with a valid certificate is fetched", () => {
    expect(came[0]).toEqual({ bytes: 4, message: "" });
  });

  test.each([
    [1, "for another host", "the certificate of other.test is not valid"],
    [2, "that has expired", "the certificate of media.test is not valid"],
    [3, "that vouches for itself", "the certificate of media.test is not valid"],
  ])("a certificate (%i) %s is unscannable", (i, _, message) => {
    expect(came[i]).toEqual({ error: "UnscannableError", message });
  });

  test.each([
    [4, "speaks HTTP/2 only"],
    [5, "speaks TLS 1.1"],
    [6, "speaks no TLS"],
  ])("a server (%i) that %s is unscannable", (i) => {
    expect(came[i]).toEqual({ error: "UnscannableError", message: "no secure connection to media.test could be agreed on" });
  });
});
