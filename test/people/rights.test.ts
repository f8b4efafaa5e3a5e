import { expect, it } from "vitest";
import { actorOf, may, RIGHTS, type Right, type ROLES, type Who } from "../../src/people/rights.js";

const person = (role: (typeof ROLES)[number]): Who => ({
  kind: "person",
  accountId: "1",
  sessionId: "2",
  name: "ana",
  role,
  language: "en",
  csrfToken: "",
  settings: {},
});
const rightsOf = (who: Who): Right[] => RIGHTS.filter((right) => may(who, right));

it("a viewer reads, a caseworker acts as well, an admin may do everything", () => {
  expect(rightsOf(person("viewer"))).toEqual(RIGHTS.filter((right) => right.endsWith(":read")));
  expect(rightsOf(person("caseworker"))).toEqual(RIGHTS.filter((right) => right !== "admin"));
  expect(rightsOf(person("admin"))).toEqual([...RIGHTS]);
});

it("a token may do what its scopes say; admin is all of it", () => {
  expect(rightsOf({ kind: "token", tokenId: "1", name: "x", scopes: ["hashes:read"] })).toEqual(["hashes:read"]);
  expect(rightsOf({ kind: "token", tokenId: "1", name: "x", scopes: ["admin"] })).toEqual([...RIGHTS]);
});

it("the audit log tells people and tokens of one name apart", () => {
  expect(actorOf(person("viewer"))).toBe("person:ana");
  expect(actorOf({ kind: "token", tokenId: "1", name: "ana", scopes: [] })).toBe("token:ana");
});
