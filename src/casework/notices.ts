import type { MediaKind, Segment } from "../model.js";
import type { Db } from "../platform/database.js";
import { clock } from "../verdict/explain.js";
import { type Language, LETTERS, type Letter } from "./notices/letters.js";
import { platformOf } from "./notices/platforms.js";
import { readTakedown } from "./takedowns.js";

/** What a notice says of a takedown. A detail of `readTakedown` fits; what is missing is left out of the letter. */
export interface NoticeAbout {
  id: string;
  caseId: string;
  platform: string | null;
  pageUrl: string | null;
  mediaUrl: string | null;
  uploader: { id: string | null; url: string | null };
  attempt: number;
  reuploadNumber: number;
  createdAt: Date;
  reportedAt: Date | null;
  evidence: { sha256: string | null; spans: Segment[] };
  kind?: MediaKind | null;
  class?: string;
  legalBasis?: string;
  /** Who gives notice: name and e-mail address. */
  sender?: string;
}

/** Spans of the upload that are listed. */
const MOST_SPANS = 6;

/** A notice-and-takedown letter for the platform's form or mailbox, as plain text: what forms ask for, one line each. */
export function notice(about: NoticeAbout, language: Language): { subject: string; text: string } {
  const t = LETTERS[language];
  const platform = platformOf(about.platform);
  const name = platform.name ?? about.platform;
  const subject = t.subject(about.caseId);
  const again = about.attempt > 1 ? [t.again(about.attempt, dayOf(about.createdAt))] : [];
  const parts = [
    [name ? t.to(oneLine(name)) : t.toAnybody],
    [t.opening, ...again],
    factsOf(about, t, platform.names[language]).map(([label, value]) => `${label}: ${oneLine(value)}`),
    [`${t.requests}:`, ...t.requested.map((request, i) => `${i + 1}. ${request}`)],
    [t.statement],
    [`${t.contact}: ${oneLine(about.sender || t.noSender)}`],
  ];
  return {
    subject: oneLine(about.attempt > 1 ? t.reminder(about.attempt, subject) : subject),
    text: `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`,
  };
}

function factsOf(about: NoticeAbout, t: Letter, names: { page: string; uploader: string }): [string, string][] {
  const { uploader, evidence } = about;
  const facts: [string, string | null | undefined][] = [
    [names.page, about.pageUrl],
    [t.file, about.mediaUrl],
    [names.uploader, [uploader.id, uploader.url].filter(Boolean).join(", ")],
    [t.place, about.kind === "image" ? null : placesOf(evidence.spans)],
    [t.what, t.whatIs(about.kind ?? null, about.caseId)],
    [t.class, about.class],
    [t.legalBasis, about.legalBasis],
    [t.seen, about.reportedAt && dayOf(about.reportedAt)],
    [t.number, about.reuploadNumber > 0 ? t.numberIs(about.reuploadNumber) : null],
    [t.sha256, evidence.sha256],
    [t.reference, `${about.caseId}, ${about.id}`],
  ];
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

function placesOf(spans: Segment[]): string {
  const places = spans.filter((s) => s.submissionToMs > s.submissionFromMs);
  const listed = places.slice(0, MOST_SPANS).map((s) => `${clock(s.submissionFromMs)}-${clock(s.submissionToMs)}`);
  return [...listed, ...(places.length > MOST_SPANS ? ["…"] : [])].join(", ");
}

/** Addresses and names come from outside: none may begin a line of its own. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();

const dayOf = (date: Date): string => date.toISOString().slice(0, 10);

/** The letter for a takedown, with the kind of its media and the class and legal basis of its case; undefined when there is no such takedown. */
export async function noticeFor(
  db: Db,
  takedownId: string,
  language: Language,
  sender?: string,
): Promise<{ subject: string; text: string } | undefined> {
  const takedown = await readTakedown(db, takedownId);
  if (!takedown) return undefined;
  const { rows } = await db.query<{ kind: MediaKind | null; class: string; legalBasis: string }>(
    `select s.kind, c.class, c.legal_basis as "legalBasis" from submission s, "case" c where s.id = $1 and c.id = $2`,
    [takedown.submissionId, takedown.caseId],
  );
  return notice({ ...takedown, ...rows[0], sender }, language);
}
