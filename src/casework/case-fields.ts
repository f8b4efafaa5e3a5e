import { UsageError } from "../errors.js";

/** ICCAM's: `baseline` is illegal wherever it is found, `national` where the case is kept. */
export const CLASSES = ["baseline", "national", "other"] as const;
export type CaseClass = (typeof CLASSES)[number];

/** What a caseworker may say of a case. `retainUntil`: when it must be erased; null for no date. */
export interface CaseFields {
  title: string;
  class: CaseClass;
  legalBasis: string;
  retainUntil: Date | null;
}

/** Characters. A title is a line in a list; a legal basis may quote an article. */
const LONGEST = { title: 200, label: 200, legalBasis: 2_000, reason: 1_000 };

/**
 * A line of text, trimmed.
 *
 * @throws UsageError naming the field when it is too long, or has control characters or half characters in it.
 */
export function lineOf(field: keyof typeof LONGEST, value: string): string {
  const text = value.trim();
  if (text.length > LONGEST[field])
    throw new UsageError(`${field}: has ${text.length} characters; ${LONGEST[field]} are allowed`);
  if (/[\p{Cc}\p{Cs}]/u.test(text)) throw new UsageError(`${field}: must be one line without control characters`);
  return text;
}

/** @throws UsageError when it is none of {@link CLASSES}. */
export function classOf(value: string): CaseClass {
  const found = CLASSES.find((name) => name === value);
  if (!found) throw new UsageError(`class: must be ${CLASSES.slice(0, -1).join(", ")} or ${CLASSES.at(-1)}`);
  return found;
}

/** @throws UsageError when it is not a date, or one that has passed: what is kept until then would be erased at once. */
export function futureDate(value: Date | null): Date | null {
  if (value === null) return null;
  if (Number.isNaN(value.getTime())) throw new UsageError("retainUntil: must be a date, such as 2030-12-31");
  if (value.getTime() <= Date.now())
    throw new UsageError("retainUntil: has passed; give a date to come, or none to keep it without limit");
  return value;
}

/** @throws UsageError when it cannot be a case's id. The same as for a reference's `--case`. */
export function caseIdOf(id: string, field = "id"): string {
  if (!/^[\x21-\x7e]{1,128}$/.test(id)) throw new UsageError(`${field}: must be 1-128 printable characters without spaces`);
  return id;
}

/** The given fields, checked; those left out stay left out. Throws as the checks do. */
export function checkedFields(fields: Partial<CaseFields>): Partial<CaseFields> {
  const checked: Partial<CaseFields> = {};
  if (fields.title !== undefined) checked.title = lineOf("title", fields.title);
  if (fields.class !== undefined) checked.class = classOf(fields.class);
  if (fields.legalBasis !== undefined) checked.legalBasis = lineOf("legalBasis", fields.legalBasis);
  if (fields.retainUntil !== undefined) checked.retainUntil = futureDate(fields.retainUntil);
  return checked;
}
