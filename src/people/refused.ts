import { UsageError } from "../errors.js";

/** What people get wrong, and the sentence for the command line. Pages say it in the person's language. */
const SENTENCES = {
  nameInvalid: "must be 1-128 characters, without line breaks or invisible characters",
  nameTaken: "is taken: choose another",
  nameUnknown: 'nobody has this name: "reupload user list" shows who there is',
  emailInvalid: "must be an e-mail address, such as ana@example.org",
  roleInvalid: "must be viewer, caseworker or admin",
  languageInvalid: "must be en or sq",
  passwordShort: "must have at least 12 characters",
  passwordLong: "must have at most 256 characters",
  passwordCommon: "is among the first that are guessed: choose a sentence, or several words",
  passwordWrong: "is not the one in use",
  passwordsDiffer: "is not the same both times",
  lastAdmin: "this is the last admin who can sign in: make another one first",
  linkGone: "was used, has expired, or never was: ask for a new one",
  tokenNameInvalid: "must be 1-64 letters, digits, dots, hyphens or underscores",
  tokenNameTaken: "is or was in use: choose another, so that the audit log stays clear",
  tokenUnknown: 'there is no such token in use: "reupload token list" shows them',
  scopesInvalid: "must be one or more of the rights",
  daysInvalid: "must be a whole number from 1 to 3660",
} as const;
export type Refusal = keyof typeof SENTENCES;

/** A person asked for what cannot be. `field` is the form's field, or the command's argument. */
export class RefusedError extends UsageError {
  readonly field: string;
  readonly refusal: Refusal;
  constructor(field: string, refusal: Refusal) {
    super(`${field}: ${SENTENCES[refusal]}`);
    this.field = field;
    this.refusal = refusal;
  }
}
