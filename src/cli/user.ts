import { text } from "node:stream/consumers";
import { Command } from "commander";
import type { Pool } from "pg";
import { UsageError } from "../errors.js";
import { type Account, disableAccount, enableAccount, findAccount, listAccounts } from "../people/accounts.js";
import { createWithPassword, invite, resetLink } from "../people/links.js";
import { withApp } from "./open.js";
import { say, sayJson, table } from "./output.js";

/** Who is at the command line owns the database: that is all there is to say of them. */
export const CLI_ACTOR = "cli";

const PAGE = 200;

export const userCommand = (): Command =>
  new Command("user")
    .description("people: who may sign in to the console, and as what")
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(changeCommand("disable", "end someone's sessions, and let them in no more", disableAccount))
    .addCommand(changeCommand("enable", "let someone in again, and lift a lock", enableAccount))
    .addCommand(resetCommand());

const sayLink = (secret: string, publicUrl: string | undefined) => say(`${publicUrl ?? ""}/welcome/${secret}`);

interface AddOptions {
  role: string;
  email?: string;
  language: string;
  passwordStdin?: boolean;
}

const addCommand = () =>
  new Command("add")
    .description("make an account; prints a one-time link (at the console's address) that sets the password")
    .argument("<name>", "what they sign in with, and what stands beside everything they do")
    .option("--role <role>", "viewer, caseworker or admin", "caseworker")
    .option("--email <address>", "lets them sign in through OpenID Connect as well")
    .option("--language <code>", "en or sq", "en")
    .option("--password-stdin", "read the password from standard input instead of printing a link")
    .action(async (name: string, { passwordStdin, ...options }: AddOptions) => {
      const password = passwordStdin ? await readPassword() : undefined;
      await withApp(async ({ database: { pool }, config }) => {
        const account = { name, ...options };
        if (password !== undefined) {
          const made = await createWithPassword(pool, account, password, CLI_ACTOR);
          say(`${made.name} can sign in as ${made.role}`);
          return;
        }
        sayLink((await invite(pool, account, CLI_ACTOR)).secret, config.publicUrl);
      });
    });

async function readPassword(): Promise<string> {
  if (process.stdin.isTTY)
    throw new UsageError("--password-stdin: pipe the password in: reupload user add NAME --password-stdin < file");
  return (await text(process.stdin)).replace(/\r?\n$/, "");
}

const listCommand = () =>
  new Command("list")
    .description("list everyone")
    .option("--json", "JSON Lines")
    .action(async ({ json }: { json?: boolean }) => {
      const accounts = await withApp(({ database: { pool } }) => everyone(pool));
      if (json) {
        for (const { settings: _, ...account } of accounts) sayJson(account);
        return;
      }
      if (accounts.length === 0) {
        say('nobody yet; "reupload user add NAME --role admin" makes the first account');
        return;
      }
      say(
        table(
          ["name", "role", "language", "e-mail", "signs in by", "state"],
          accounts.map((a) => [a.name, a.role, a.language, a.email ?? "-", waysIn(a), stateOf(a)]),
        ),
      );
    });

async function everyone(pool: Pool): Promise<Account[]> {
  const all: Account[] = [];
  for (;;) {
    const some = await listAccounts(pool, { after: all.at(-1)?.name, limit: PAGE });
    all.push(...some);
    if (some.length < PAGE) return all;
  }
}

function waysIn({ hasPassword, hasOidc }: Account): string {
  const ways = [...(hasPassword ? ["password"] : []), ...(hasOidc ? ["OpenID Connect"] : [])];
  return ways.length === 0 ? "-" : ways.join(", ");
}

function stateOf(account: Account): string {
  if (account.disabledAt) return "disabled";
  if (account.lockedUntil) return `locked until ${account.lockedUntil.toISOString()}`;
  return account.hasPassword || account.hasOidc ? "active" : "invited";
}

const changeCommand = (name: string, description: string, change: (pool: Pool, id: string, actor: string) => Promise<void>) =>
  new Command(name)
    .description(description)
    .argument("<name>", "from user list")
    .action(async (given: string) => {
      const account = await withApp(async ({ database: { pool } }) => {
        const found = await findAccount(pool, given);
        await change(pool, found.id, CLI_ACTOR);
        return found;
      });
      say(`${account.name} is ${name}d`);
    });

const resetCommand = () =>
  new Command("reset")
    .description("print a one-time link that sets a new password and lifts a lock; it lasts a day")
    .argument("<name>", "from user list")
    .action(async (name: string) => {
      await withApp(async ({ database: { pool }, config }) => {
        const account = await findAccount(pool, name);
        sayLink(await resetLink(pool, account.id, CLI_ACTOR), config.publicUrl);
      });
    });
