import { Command } from "commander";
import { UsageError } from "../errors.js";
import { RIGHTS } from "../people/rights.js";
import { createToken, DEFAULT_TOKEN_DAYS, listTokens, revokeToken, type ServiceToken } from "../people/tokens.js";
import { withApp } from "./open.js";
import { say, sayJson, table } from "./output.js";
import { CLI_ACTOR } from "./user.js";

const PAGE = 200;

export const tokenCommand = (): Command =>
  new Command("token")
    .description("service tokens: what programs sign in to the API with")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());

const createCommand = () =>
  new Command("create")
    .description("make a token and print it, this once")
    .argument("<name>", "which program it is for; stands in the audit log")
    .requiredOption("--scopes <list>", `what it may do, separated by commas: ${RIGHTS.join(", ")}`)
    .option("--days <n>", "until it expires", String(DEFAULT_TOKEN_DAYS))
    .action(async (name: string, { scopes, days }: { scopes: string; days: string }) => {
      const asked = scopes.split(",").map((scope) => scope.trim());
      const unknown = asked.find((scope) => !(RIGHTS as readonly string[]).includes(scope));
      if (unknown !== undefined) throw new UsageError(`--scopes: there is no right "${unknown}"; there are ${RIGHTS.join(", ")}`);
      if (!/^\d{1,6}$/.test(days)) throw new UsageError("--days: must be a whole number from 1 to 3660");
      const { secret } = await withApp(({ database }) =>
        createToken(database.pool, { name, scopes: asked, days: Number(days) }, CLI_ACTOR),
      );
      say(secret);
    });

const listCommand = () =>
  new Command("list")
    .description("list tokens; what they are is not kept")
    .option("--json", "JSON Lines")
    .action(async ({ json }: { json?: boolean }) => {
      const tokens = await withApp(async ({ database: { pool } }) => {
        const all: ServiceToken[] = [];
        for (;;) {
          const some = await listTokens(pool, { after: all.at(-1)?.name, limit: PAGE });
          all.push(...some);
          if (some.length < PAGE) return all;
        }
      });
      if (json) {
        for (const token of tokens) sayJson(token);
        return;
      }
      if (tokens.length === 0) {
        say('no tokens yet; "reupload token create NAME --scopes submissions:write" makes one');
        return;
      }
      say(
        table(
          ["name", "scopes", "expires", "last used", "made by", "state"],
          tokens.map((t) => [t.name, t.scopes.join(","), day(t.expiresAt), day(t.lastUsedAt), t.createdBy, stateOf(t)]),
        ),
      );
    });

const day = (date: Date | null) => date?.toISOString().slice(0, 10) ?? "-";

const stateOf = ({ revokedAt, expiresAt }: ServiceToken) =>
  revokedAt ? "revoked" : expiresAt <= new Date() ? "expired" : "active";

const revokeCommand = () =>
  new Command("revoke")
    .description("end a token at once")
    .argument("<name>", "from token list")
    .action(async (name: string) => {
      await withApp(({ database }) => revokeToken(database.pool, name, CLI_ACTOR));
      say(`${name} is revoked`);
    });
