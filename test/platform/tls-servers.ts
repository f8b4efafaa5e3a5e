import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPool } from "../../src/platform/database.js";
import { openEmbeddedPostgres } from "../../src/platform/embedded-postgres.js";
import { createLog } from "../../src/platform/log.js";
import { freePort } from "../support/free-port.js";
import { runRedis } from "../support/redis.js";
import { temporaryDir } from "../support/temporary-dir.js";

/** Why tests that need certificates are skipped; "" when they can run. */
export const opensslMissing =
  spawnSync("openssl", ["version"]).status === 0 ? "" : "(openssl is not installed: apt-get install openssl)";

export interface Certificates {
  /** PEM of the authority. */
  ca: string;
  /** For 127.0.0.1, and for nothing else. */
  certificate: string;
  key: string;
}

/** An authority of its own, and a certificate that it signed. */
export function makeCertificates(dir: string, name: string): Certificates {
  const path = (end: string) => join(dir, `${name}-${end}`);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const [ca, caKey, certificate, key] = ["ca.pem", "ca.key", "server.pem", "server.key"].map(path);
  openssl("req", "-x509", ...newKey, "-keyout", caKey, "-out", ca, "-days", "2", "-subj", `/CN=${name} authority`);
  openssl("req", ...newKey, "-keyout", key, "-out", path("request"), "-subj", "/CN=server");
  writeFileSync(path("names"), "subjectAltName=IP:127.0.0.1");
  const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-extfile", path("names")];
  openssl("x509", "-req", "-in", path("request"), ...signing, "-days", "2", "-out", certificate);
  chmodSync(key, 0o600);
  return { ca, certificate, key };
}

/** A Postgres that speaks TLS with this certificate. `url` has no `sslmode`. */
export async function startTlsPostgres({ certificate, key }: Certificates): Promise<{ url: string; close(): Promise<void> }> {
  const { path, remove } = temporaryDir();
  const server = await openEmbeddedPostgres(path, createLog("warn"));
  const { uid, gid } = statSync(join(path, "postgres"));
  chownSync(key, uid, gid);
  const pool = createPool(server.connectionString, 1, createLog("warn"));
  await pool.query(`alter system set ssl_cert_file = '${certificate}'`);
  await pool.query(`alter system set ssl_key_file = '${key}'`);
  await pool.query("alter system set ssl = on");
  await pool.query("select pg_reload_conf()");
  await pool.end();
  const close = async () => {
    await server.close();
    remove();
  };
  return { url: server.connectionString, close };
}

/** A Redis that speaks TLS and nothing else, and wants this password. */
export async function startTlsRedis(
  { ca, certificate, key }: Certificates,
  password: string,
): Promise<{ port: number; close(): Promise<void> }> {
  const port = await freePort();
  const tls = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", ca, "--tls-auth-clients", "no"];
  const running = await runRedis(["--port", "0", "--tls-port", `${port}`, ...tls, "--requirepass", password]);
  if (!running) throw new Error("redis-server did not start");
  return { port, close: running.close };
}
