/** Addresses, hashes and what opens something, wherever they stand in free text: an error's message, a tool's output. */
const HIDDEN: [RegExp, string][] = [
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>]+/gi, "[hidden url]"],
  [/\b[0-9a-f]{64,}\b/gi, "[hidden hash]"],
  // Tokens of services (people/tokens.ts) and secrets of webhooks (delivery/webhook-registry.ts).
  [/\b(?:rup|whsec)_[\w+/=-]{16,}/g, "[hidden secret]"],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, "$1 [hidden secret]"],
  [/\b(password|passwd|pwd|secret|token|api_?key|client_secret)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi, "$1$2[hidden secret]"],
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, "[hidden address]"],
];

/** Text without addresses, hashes, e-mail addresses, tokens and passwords. */
export const hideInText = (text: string): string =>
  HIDDEN.reduce((shown, [pattern, instead]) => shown.replace(pattern, instead), text);

/** For a terminal, where what a person has typed is repeated: only the user and password in an address go. */
export const hideCredentials = (text: string): string =>
  text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi, "$1[hidden]@");

/**
 * PostgreSQL quotes rows and values in these fields ("Failing row contains (…)"): an uploader, a note. The names of table, column and
 * constraint, and the code, say what is wrong without them.
 */
export const QUOTING_FIELDS: ReadonlySet<string> = new Set(["detail", "where", "hint", "internalQuery"]);

/** A data exception (class 22) quotes the value that was wrong. */
export const isDataException = (error: Error): boolean =>
  "severity" in error && /^22/.test(String((error as { code?: unknown }).code));

/** A message without what it quotes. */
export const hideQuoted = (text: string): string => text.replace(/"[^"]*"/g, '"[hidden]"');
