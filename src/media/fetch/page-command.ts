import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** Absolute paths. With `bwrap` the program is in a network of its own and sees only `visible`. */
export interface PageTools {
  ytDlp: string;
  prlimit: string;
  bwrap?: string;
  visible?: string[];
}

/** Of one run. */
export interface PageRun {
  /** Its own; `proxy` (a socket), `home` and `out` lie in it. */
  folder: string;
  maxBytes: number;
  maxDurationMs: number;
  cpuSeconds: number;
}

/** Python, its libraries and a page's scripts: 200 MiB in practice. */
const MEMORY_BYTES = 2 * 1024 ** 3;
const OPEN_FILES = 256;
/** Of the same user that there may be: a flood is stopped, what else the user runs is not. */
const USER_PROCESSES = 4096;

/** Libraries and certificates, and nothing of the user's. */
const SYSTEM = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"],
  ...["/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/alternatives", "/etc/ld.so.cache"],
];

/** What yt-dlp, and Node for the way out, need to see: the system's, and the folders that they are installed in (".../bin" means the folder above). */
export async function visibleFor(ytDlp: string): Promise<string[]> {
  const homes = [ytDlp, process.execPath].map((path) =>
    basename(dirname(path)) === "bin" ? dirname(dirname(path)) : dirname(path),
  );
  const own = homes.filter((home) => home !== "/" && !SYSTEM.some((system) => home === system || home.startsWith(`${system}/`)));
  const isThere = await Promise.all([...SYSTEM, ...own].map((path) => stat(path).catch(() => undefined)));
  return [...SYSTEM, ...own].filter((_, i) => isThere[i] !== undefined);
}

/** bubblewrap up to and with its "--": no network, no other processes, no files to write but the run's folder. */
function confinement({ bwrap, visible = [] }: PageTools, folder: string | undefined): string[] {
  if (bwrap === undefined) return [];
  return [
    bwrap,
    ...["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    ...visible.flatMap((path) => ["--ro-bind", path, path]),
    ...(folder === undefined ? [] : ["--bind", folder, folder, "--chdir", `${folder}/out`]),
    "--",
  ];
}

/** yt-dlp with arguments, confined, without a way out. */
export const confinedWords = (tools: PageTools, args: string[]): string[] => [
  ...confinement(tools, undefined),
  tools.ytDlp,
  ...args,
];

/**
 * Inside the network of its own there is nobody to talk to. This passes what comes to a port of its 127.0.0.1 on to the proxy's socket in the
 * file system, tells the program about that port, and ends as the program ends. Arguments: the socket, the program and its arguments.
 */
const RELAY = `
const { connect, createServer } = require("node:net");
const { spawn } = require("node:child_process");
const [socket, program, ...args] = process.argv.slice(1);
const server = createServer((from) => {
  const to = connect(socket);
  const end = () => { from.destroy(); to.destroy(); };
  from.on("error", end).on("close", end).pipe(to);
  to.on("error", end).on("close", end).pipe(from);
});
server.listen(0, "127.0.0.1", () => {
  const { PROXY_CREDENTIALS: credentials, ...env } = process.env;
  const proxy = "http://" + credentials + "@127.0.0.1:" + server.address().port;
  for (const name of ["http", "https", "ftp", "all"]) env[name + "_proxy"] = proxy;
  const child = spawn(program, args, { stdio: "inherit", env });
  child.on("error", () => process.exit(127));
  child.on("exit", (code) => process.exit(code ?? 1));
});
`;

/** The whole command line of a run. Addresses and secrets are not part of it: other users of the machine can read it. */
export function pageWords(tools: PageTools, run: PageRun): string[] {
  const limits = [
    tools.prlimit,
    ...[`--as=${MEMORY_BYTES}`, `--cpu=${run.cpuSeconds}:${run.cpuSeconds + 5}`, `--fsize=${run.maxBytes}`],
    ...["--core=0", `--nofile=${OPEN_FILES}`, `--nproc=${USER_PROCESSES}`, "--"],
  ];
  const relay = tools.bwrap === undefined ? [] : [process.execPath, "-e", RELAY, `${run.folder}/proxy`];
  return [...confinement(tools, run.folder), ...relay, ...limits, tools.ytDlp, ...pageArguments(run)];
}

/** Nothing of the user's, and nothing that a proxy that is known by its port could not be told by name. */
export function pageEnvironment(folder: string, credentials: string, proxyPort: number | undefined): Record<string, string> {
  const proxy = `http://${credentials}@127.0.0.1:${proxyPort}`;
  const proxies = Object.fromEntries(["http", "https", "ftp", "all"].map((name) => [`${name}_proxy`, proxy]));
  return {
    ...(proxyPort === undefined ? { PROXY_CREDENTIALS: credentials } : proxies),
    ...{ PATH: "/usr/bin:/bin", LANG: "C.UTF-8", HOME: `${folder}/home`, TMPDIR: `${folder}/home` },
    ...{ YTDLP_NO_PLUGINS: "1", PYTHONNOUSERSITE: "1", PYTHONDONTWRITEBYTECODE: "1" },
  };
}

/**
 * One video, as one file, by the downloaders that are part of yt-dlp and so use the proxy. Pictures of 720 lines are enough to know a video
 * by; sound is not needed. The address comes on standard input.
 */
function pageArguments({ maxBytes, maxDurationMs }: PageRun): string[] {
  const within = "bestvideo*[height<=?720]";
  return [
    ...["--ignore-config", "--no-cache-dir", "--no-cookies", "--no-cookies-from-browser", "--no-exec"],
    ...["--no-playlist", "--playlist-items", "1:2"],
    ...["--match-filters", `n_entries<?2 & !is_live & duration<=?${Math.ceil(maxDurationMs / 1000)}`],
    ...["--format", `${within}[protocol^=http]/${within}[protocol^=m3u8]/bestvideo*[protocol^=http]/bestvideo*/best`],
    ...["--max-filesize", String(maxBytes), "--fixup", "never", "--downloader", "native", "--ffmpeg-location", "/nonexistent"],
    ...["--retries", "2", "--fragment-retries", "2", "--extractor-retries", "1", "--socket-timeout", "30"],
    ...["--abort-on-unavailable-fragments", "--no-geo-bypass", "--no-progress", "--no-part", "--no-mtime", "--no-continue"],
    ...["--output", "media", "--batch-file", "-"],
  ];
}
