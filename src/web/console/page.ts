import type { FastifyReply, FastifyRequest } from "fastify";
import { may, type Right } from "../../people/rights.js";
import { type Format, formatOf } from "./format.js";
import { render } from "./render.js";
import { LANGUAGES, type Language, type Texts, textsOf } from "./texts.js";

/** What every page shows of the whole system; set once by `consoleRoutes`. */
export interface ConsoleState {
  timeZone: string;
  version: string;
  /** Changes with the files, so that browsers may keep them for good. */
  assetsVersion: string;
  /** How many alerts are open, or "999+"; undefined until they were first counted. */
  openAlerts(): string | undefined;
  /** Of the newest change of any alert: a page that is told of another one is out of date. */
  mark(): string;
}

declare module "fastify" {
  interface FastifyInstance {
    consoleState?: ConsoleState;
  }
}

/** Only our own files, no inline script and no inline style. A preview is a data: image, kept nowhere. */
export const PAGE_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
};

export interface Reader {
  language: Language;
  t: Texts;
  f: Format;
}

/** The language of who is signed in; else `?lang=`, else what the browser prefers, else English. */
export function readerOf(request: FastifyRequest): Reader {
  const language = languageOf(request);
  return { language, t: textsOf(language), f: formatOf(language, request.server.consoleState?.timeZone ?? "UTC") };
}

function languageOf(request: FastifyRequest): Language {
  if (request.who?.kind === "person") return request.who.language;
  const asked = String((request.query as Record<string, unknown> | undefined)?.lang ?? "");
  const preferred = (request.headers["accept-language"] ?? "").split(",").map((tag) => tag.trim().slice(0, 2).toLowerCase());
  return LANGUAGES.find((language) => language === asked) ?? preferred.find(isLanguage) ?? "en";
}

const isLanguage = (tag: string): tag is Language => (LANGUAGES as readonly string[]).includes(tag);

/**
 * Answers with `views/<view>.eta` inside the layout. `data.title` is the page's title. Views see `t`, `f`, and in `it`: the data, `who`,
 * `may(right)`, `csrf` (for the hidden field `_csrf` of every form), `language`, `path`.
 */
export function page(request: FastifyRequest, reply: FastifyReply, view: string, data: Record<string, unknown>): FastifyReply {
  const { who } = request;
  const shared = {
    ...readerOf(request),
    who,
    may: (right: Right) => who !== undefined && may(who, right),
    csrf: who?.kind === "person" ? who.csrfToken : "",
    shortcuts: who?.kind === "person" && who.settings.shortcuts !== false,
    path: request.url.split("?")[0],
    url: request.url,
    state: request.server.consoleState,
    flash: flashOf(request),
    flashUndo: undoOf(request),
    back: urlWith(request, {}),
    ...data,
  };
  const body = render(view, shared);
  return reply
    .headers(PAGE_HEADERS)
    .type("text/html; charset=utf-8")
    .send(render("layout", { ...shared, body }));
}

export type FlashCode = keyof Texts["flash"];

/** The message after an act: its code and number travel in the address, never its words. */
function flashOf(request: FastifyRequest): string | undefined {
  const { done, n } = (request.query ?? {}) as Record<string, unknown>;
  const { flash } = readerOf(request).t;
  if (typeof done !== "string" || !Object.hasOwn(flash, done)) return undefined;
  const text = flash[done as FlashCode];
  return typeof text === "string" ? text : text(Math.min(10_000, Math.max(1, Number.parseInt(String(n), 10) || 1)));
}

function undoOf(request: FastifyRequest): string[] {
  const { undo } = (request.query ?? {}) as Record<string, unknown>;
  return typeof undo === "string" ? undo.split(",").filter((id) => /^[0-9a-f-]{36}$/.test(id)) : [];
}

/** The address of this page with other parameters; `undefined` takes one away. Messages about an act do not stay. */
export function urlWith(request: FastifyRequest, changes: Record<string, string | undefined>): string {
  const url = new URL(request.url, "http://console.invalid");
  for (const name of ["done", "n", "undo"]) url.searchParams.delete(name);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.pathname + url.search;
}

/** A path of our own to return to, from a form's field `back`; anything else becomes `fallback`. */
export const safePath = (value: unknown, fallback: string): string =>
  typeof value === "string" && /^\/(?![/\\])[^\\\p{Cc}]*$/u.test(value) ? value : fallback;

/** After a form: back to where its field `back` says (or to `fallback`), with the message `code`; `undo` are alerts that can be taken back. */
export function redirectBack(
  request: FastifyRequest,
  reply: FastifyReply,
  fallback: string,
  code: FlashCode,
  count = 1,
  undo: string[] = [],
): FastifyReply {
  const back = (request.body as Record<string, unknown> | undefined)?.back;
  const url = new URL(safePath(back, fallback), "http://console.invalid");
  url.searchParams.set("done", code);
  if (count !== 1) url.searchParams.set("n", String(count));
  else url.searchParams.delete("n");
  if (undo.length > 0) url.searchParams.set("undo", undo.join(","));
  else url.searchParams.delete("undo");
  return reply.redirect(url.pathname + url.search + url.hash, 303);
}
