import type { Pool } from "pg";
import { type Account, findAccount } from "../../src/people/accounts.js";
import { createWithPassword } from "../../src/people/links.js";
import type { PersonRole } from "../../src/people/rights.js";
import { type Person, whoOfSession } from "../../src/people/sessions.js";
import { signIn } from "../../src/people/sign-in.js";

export const PASSWORD = "correct horse battery staple";
export const ORIGIN = { address: "192.0.2.7", agent: "Firefox" };

export const addPerson = (pool: Pool, name: string, role: PersonRole = "caseworker"): Promise<Account> =>
  createWithPassword(pool, { name, role }, PASSWORD, "cli");

/** The account of that name (made if need be), signed in. */
export async function signedIn(pool: Pool, name: string): Promise<{ secret: string; person: Person }> {
  await findAccount(pool, name).catch(() => addPerson(pool, name));
  const secret = (await signIn(pool, { name, password: PASSWORD }, ORIGIN))!;
  return { secret, person: (await whoOfSession(pool, secret))! };
}
