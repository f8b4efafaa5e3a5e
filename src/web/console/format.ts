import type { Language } from "./texts.js";

export interface Format {
  /** A day and a time of day, such as "25 Nov 2026, 14:05". */
  date(value: Date | string): string;
  day(value: Date | string): string;
  /** Roughly how long ago, or until when. */
  ago(value: Date | string): string;
  /** As `<time datetime>` wants it. */
  iso(value: Date | string): string;
  number(value: number): string;
  /** Of a share from 0 to 1, with a decimal where it matters (above 95 %), and never rounded up to 100 %. */
  percent(share: number): string;
  /** Milliseconds as m:ss. */
  clock(ms: number): string;
  bytes(count: number): string;
  list(items: string[]): string;
}

const LOCALES: Record<Language, string> = { en: "en-GB", sq: "sq" };
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600_000],
  ["month", 2_629_800_000],
  ["week", 604_800_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** Dates and numbers as a reader of the language expects them. Intl objects are dear to make, so one is kept for each language and zone. */
export function formatOf(language: Language, timeZone: string): Format {
  const key = `${language} ${timeZone}`;
  const known = formats.get(key) ?? createFormat(LOCALES[language], timeZone);
  formats.set(key, known);
  return known;
}

const formats = new Map<string, Format>();

function createFormat(locale: string, timeZone: string): Format {
  const dates = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", timeZone, hourCycle: "h23" });
  const days = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const wholes = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  const tenths = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
  const lists = new Intl.ListFormat(locale, { type: "conjunction" });
  return {
    date: (value) => dates.format(new Date(value)),
    day: (value) => days.format(new Date(value)),
    ago: (value) => agoOf(new Date(value).getTime() - Date.now(), relative),
    iso: (value) => new Date(value).toISOString(),
    number: (value) => numbers.format(value),
    percent: (share) => (share > 0.95 && share < 1 ? tenths.format(Math.floor(share * 1000) / 1000) : wholes.format(share)),
    clock,
    bytes: (count) => bytesOf(count, numbers),
    list: (items) => lists.format(items),
  };
}

function agoOf(differenceMs: number, relative: Intl.RelativeTimeFormat): string {
  const [unit, size] = STEPS.find(([, ms]) => Math.abs(differenceMs) >= ms) ?? [];
  if (unit === undefined || size === undefined) return relative.format(0, "second");
  return relative.format(Math.trunc(differenceMs / size), unit);
}

/** Milliseconds as m:ss, or h:mm:ss from an hour on. */
export function clock(ms: number): string {
  const total = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function bytesOf(count: number, numbers: Intl.NumberFormat): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3));
  const value = count / 1000 ** step;
  return `${numbers.format(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10)} ${units[step]}`;
}
