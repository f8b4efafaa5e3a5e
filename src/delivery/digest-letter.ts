import type { DigestFigures } from "./digest-figures.js";
import { type DigestWords, en, sq } from "./digest-words.js";

export type DigestLanguage = "en" | "sq";

export interface LetterStyle {
  language: DigestLanguage;
  /** IANA name, such as "Europe/Tirane". */
  timeZone: string;
  /** Where the console is; without it the letter has no link. */
  publicUrl?: string;
}

interface Section {
  title?: string;
  lines: { label: string; value: string }[];
  after?: string;
}

/** Platforms and case ids come from outside: no line breaks, no direction marks, not endless. */
const tame = (text: string) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 128);

const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function sectionsOf(f: DigestFigures, w: DigestWords, style: LetterStyle): Section[] {
  const n = (value: number) => new Intl.NumberFormat(w.locale).format(value);
  const kinds = Object.entries(f.newByKind).map(([kind, count]) => `${w.kinds[kind] ?? tame(kind)}: ${n(count)}`);
  const note = (text: string | undefined) => (text ? ` (${text})` : "");
  const oldest = f.oldestOpen ? w.oldest(dateTime(f.oldestOpen.createdAt, w, style)) : undefined;
  const first: Section = {
    lines: [
      { label: w.newAlerts, value: n(f.newAlerts) + note(kinds.join("; ")) },
      { label: w.openAlerts, value: n(f.openAlerts) + note(oldest) },
      { label: w.overdue, value: n(f.takedownsOverdue) },
      ...(f.takedownsExpired > 0 ? [{ label: w.expired, value: n(f.takedownsExpired) }] : []),
      { label: w.removed, value: n(f.takedownsRemoved) },
    ],
  };
  const platforms: Section = {
    title: w.platforms,
    lines: f.platforms.map((p) => ({
      label: p.platform === null ? w.unknownPlatform : tame(p.platform),
      value: w.onPlatform(n(p.newAlerts), n(p.overdue)),
    })),
  };
  const unnamed = f.casesInAll - f.cases.length;
  const cases: Section = {
    title: w.cases,
    lines: f.cases.map((c) => ({ label: tame(c.caseId), value: w.inCase(n(c.fresh), n(c.number)) })),
    after: unnamed > 0 ? w.moreCases(n(unnamed)) : undefined,
  };
  return [first, platforms, cases].filter((section) => section.lines.length > 0);
}

const dateTime = (at: Date, w: DigestWords, { timeZone }: LetterStyle) =>
  new Intl.DateTimeFormat(w.locale, { dateStyle: "long", timeStyle: "short", hourCycle: "h23", timeZone }).format(at);

/** The daily mail: the same numbers as plain text and as HTML that loads nothing from anywhere. */
export function digestLetter(f: DigestFigures, style: LetterStyle): { subject: string; text: string; html: string } {
  const w = style.language === "sq" ? sq : en;
  const n = (value: number) => new Intl.NumberFormat(w.locale).format(value);
  const heading = w.heading(new Intl.DateTimeFormat(w.locale, { dateStyle: "long", timeZone: style.timeZone }).format(f.until));
  const since = w.since(dateTime(f.since, w, style), style.timeZone);
  const sections = sectionsOf(f, w, style);
  const link = style.publicUrl === undefined ? undefined : `${style.publicUrl.replace(/\/+$/, "")}/alerts`;
  return {
    subject: w.subject(n(f.newAlerts), n(f.openAlerts)),
    text: [heading, since, ...sections.map(asText), ...(link ? [`${w.open}: ${link}`] : []), w.why].join("\n\n").concat("\n"),
    html: [
      `<!doctype html><html lang="${style.language}"><head><meta charset="utf-8"><title>${escapeHtml(heading)}</title></head>`,
      `<body style="font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:1em auto;padding:0 1em">`,
      `<h1 style="font-size:1.25em">${escapeHtml(heading)}</h1><p>${escapeHtml(since)}</p>`,
      ...sections.map(asHtml),
      link ? `<p><a href="${escapeHtml(link)}">${escapeHtml(w.open)}</a></p>` : "",
      `<p style="color:#555">${escapeHtml(w.why)}</p></body></html>`,
    ].join("\n"),
  };
}

const asText = ({ title, lines, after }: Section) =>
  [
    ...(title ? [title] : []),
    ...lines.map(({ label, value }) => `${title ? "  " : ""}${label}: ${value}`),
    ...(after ? [`  ${after}`] : []),
  ].join("\n");

const asHtml = ({ title, lines, after }: Section) =>
  [
    title ? `<h2 style="font-size:1.1em">${escapeHtml(title)}</h2>` : "",
    '<table style="border-collapse:collapse">',
    ...lines.map(
      ({ label, value }) =>
        `<tr><th scope="row" style="text-align:left;font-weight:normal;padding:.2em 1em .2em 0;vertical-align:top">${escapeHtml(label)}</th><td style="padding:.2em 0">${escapeHtml(value)}</td></tr>`,
    ),
    "</table>",
    after ? `<p>${escapeHtml(after)}</p>` : "",
  ].join("");
