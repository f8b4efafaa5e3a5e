/** What a pattern stands for, from its beginning to its end: `*` is anything, all else itself. */
export const wildcard = (pattern: string, flags = ""): RegExp =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`, flags);
