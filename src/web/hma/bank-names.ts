/**
 * A bank is a case. HMA's names are `[A-Z_][A-Z0-9_]*`. A case whose id is such a name, without an underscore in front, is the bank of that
 * name. Any other id becomes an underscore and then its bytes: A-Z and 0-9 as they are, the rest as an underscore and two hexadecimal
 * digits, so "C-17" is `_C_2D17`. The way back is unique.
 */
export function bankNameOf(caseId: string): string {
  if (/^[A-Z][A-Z0-9_]*$/.test(caseId)) return caseId;
  const bytes = [...Buffer.from(caseId)].map((byte) => {
    const c = String.fromCharCode(byte);
    return /[A-Z0-9]/.test(c) ? c : `_${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return `_${bytes.join("")}`;
}

/** The case that a bank's name stands for; undefined for a name that stands for none. */
export function caseIdOf(bank: string): string | undefined {
  if (/^[A-Z][A-Z0-9_]*$/.test(bank)) return bank;
  if (!/^_([A-Z0-9]|_[0-9A-F]{2})+$/.test(bank)) return undefined;
  const bytes = bank
    .slice(1)
    .replace(/_(..)|([A-Z0-9])/g, (_, code: string, plain: string) => code ?? plain.charCodeAt(0).toString(16));
  const id = Buffer.from(bytes, "hex").toString("utf8");
  return bankNameOf(id) === bank ? id : undefined;
}

/** Not longer than a case's id may be, and printable. */
export const isCaseId = (id: string): boolean => /^[\x21-\x7e]{1,128}$/.test(id);
