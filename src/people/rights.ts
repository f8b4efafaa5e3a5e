/** What a person or a service may do. A service token carries some of these as its scopes; a person has those of the role. */
export const RIGHTS = [
  "submissions:read",
  "submissions:write",
  "alerts:read",
  "alerts:write",
  "cases:read",
  "cases:write",
  "takedowns:read",
  "takedowns:write",
  "hashes:read",
  "hashes:write",
  "admin",
] as const;
export type Right = (typeof RIGHTS)[number];

export const ROLES = ["viewer", "caseworker", "admin"] as const;
export type PersonRole = (typeof ROLES)[number];

/** A viewer reads, a caseworker acts, an admin also manages people, tokens and webhooks, and erases. */
const OF_ROLE: Record<PersonRole, readonly Right[]> = {
  viewer: RIGHTS.filter((right) => right.endsWith(":read")),
  caseworker: RIGHTS.filter((right) => right !== "admin"),
  admin: RIGHTS,
};

/** A person who is signed in, or a program that showed a token. */
export type Who =
  | {
      kind: "person";
      accountId: string;
      sessionId: string;
      name: string;
      role: PersonRole;
      language: "en" | "sq";
      /** What a form or a script must send back with every change. */
      csrfToken: string;
      settings: Record<string, unknown>;
    }
  | { kind: "token"; tokenId: string; name: string; scopes: readonly Right[] };

export function may(who: Who, right: Right): boolean {
  const rights = who.kind === "person" ? OF_ROLE[who.role] : who.scopes;
  return rights.includes(right) || rights.includes("admin");
}

/** As it stands in the audit log and in the history of an alert. */
export const actorOf = (who: Who): string => `${who.kind === "person" ? "person" : "token"}:${who.name}`;
