import { Command } from "commander";
import { listDeliveries, readDelivery, replayDead, replayDelivery, testWebhook } from "../delivery/webhook-deliveries.js";
import { WEBHOOK_EVENTS, type WebhookEvent } from "../delivery/webhook-events.js";
import { addWebhook, listWebhooks, removeWebhook, webhookSchema } from "../delivery/webhook-registry.js";
import { sealAll } from "../delivery/webhook-secrets.js";
import { sendNow } from "../delivery/webhooks.js";
import { UsageError } from "../errors.js";
import { webhookGuard } from "../web/webhook-guard.js";
import { withApp } from "./open.js";
import { oneLine, type SetExitCode, say, sayJson, table } from "./output.js";
import { CLI_ACTOR } from "./user.js";

const PAGE = 200;

export const webhookCommand = (setExitCode: SetExitCode): Command =>
  new Command("webhook")
    .description("who is told of alerts, decisions, takedowns and re-uploads as they happen")
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand())
    .addCommand(testCommand(setExitCode))
    .addCommand(deadCommand())
    .addCommand(replayCommand())
    .addCommand(encryptCommand());

const addCommand = () =>
  new Command("add")
    .description("add a webhook; prints its secret, which is shown only once")
    .argument("<url>", "where it is told, https://…")
    .option("--name <name>", "what people see (default: the host's name)")
    .option("--events <events>", `some of ${WEBHOOK_EVENTS.join(", ")}, separated by commas`, WEBHOOK_EVENTS.join(","))
    .action(async (url: string, options: { name?: string; events: string }) => {
      await withApp(async ({ config, database }) => {
        const parsed = webhookSchema(webhookGuard(config)).safeParse({
          name: options.name ?? (URL.canParse(url) ? new URL(url).hostname : "webhook"),
          url,
          events: options.events.split(",").map((event) => event.trim()) as WebhookEvent[],
        });
        if (!parsed.success) {
          const [{ path, message }] = parsed.error.issues;
          throw new UsageError(`${path[0] === "url" ? "url" : `--${String(path[0])}`}: ${message}`);
        }
        const { id, secret } = await addWebhook(database.pool, parsed.data, CLI_ACTOR, config.webhookKey);
        say(`${id}  ${oneLine(parsed.data.name)}`);
        say(`secret (shown only now): ${secret}`);
      });
    });

const listCommand = () =>
  new Command("list")
    .description("list webhooks, never with their secrets")
    .option("--json", "JSON Lines")
    .action(async (options: { json?: boolean }) => {
      const listed = await withApp(({ database }) => listWebhooks(database.pool));
      if (options.json) {
        for (const webhook of listed) sayJson(webhook);
        return;
      }
      if (listed.length === 0) {
        say('no webhooks yet; "reupload webhook add <url>" adds one');
        return;
      }
      say(
        table(
          ["webhook", "name", "state", "waiting", "dead", "last delivered", "events", "url"],
          listed.map((w) => [
            w.id,
            w.name,
            w.disabledAt ? `disabled (${w.disabledReason})` : "working",
            String(w.waiting),
            String(w.dead),
            w.lastDeliveredAt?.toISOString() ?? "never",
            w.events.join(","),
            w.url,
          ]),
        ),
      );
    });

const removeCommand = () =>
  new Command("remove")
    .description("remove a webhook with its deliveries")
    .argument("<webhook>", "its id, from webhook list")
    .action(async (id: string) => {
      if (!(await withApp(({ database }) => removeWebhook(database.pool, id, CLI_ACTOR)))) throw unknown(id);
      say(`${id} is removed`);
    });

const testCommand = (setExitCode: SetExitCode) =>
  new Command("test")
    .description("send a test now and say what came of it; exits with 1 when it was not taken")
    .argument("<webhook>", "its id, from webhook list")
    .action(async (id: string) => {
      await withApp(async ({ config, database: { pool } }) => {
        const tested = await testWebhook(pool, id, CLI_ACTOR);
        if (tested === "missing") throw unknown(id);
        if (tested === "disabled") throw disabled(id);
        const options = { guard: webhookGuard(config), publicUrl: config.publicUrl, keys: config.webhookKey };
        const sent = await sendNow(pool, tested.deliveryId, options);
        // A relay may have been faster.
        const { state, lastStatus, lastError } = (await readDelivery(pool, tested.deliveryId))!;
        if (sent === undefined && state === "waiting" && lastError === null) say(`${tested.deliveryId}: a relay is sending it`);
        else if (state === "delivered") say(`${tested.deliveryId}: taken, answered ${lastStatus}`);
        else {
          say(`${tested.deliveryId}: not taken: ${lastError}`);
          setExitCode(1);
        }
      });
    });

const deadCommand = () =>
  new Command("dead")
    .description("list dead letters: deliveries that were given up, newest first")
    .option("--webhook <webhook>", "of one webhook")
    .option("--json", "JSON Lines")
    .action(async (options: { webhook?: string; json?: boolean }) => {
      await withApp(async ({ database: { pool } }) => {
        if (options.webhook && !(await listWebhooks(pool)).some((w) => w.id === options.webhook)) throw unknown(options.webhook);
        let after: string | undefined;
        let count = 0;
        do {
          const filter = { webhookId: options.webhook, state: "dead" as const };
          const { deliveries, next } = await listDeliveries(pool, filter, { after, limit: PAGE });
          after = next;
          count += deliveries.length;
          if (options.json) for (const delivery of deliveries) sayJson(delivery);
          else if (deliveries.length > 0)
            say(
              table(
                ["delivery", "webhook", "event", "created", "attempts", "last error"],
                deliveries.map((d) => [
                  d.id,
                  d.webhookName,
                  d.event,
                  d.createdAt.toISOString(),
                  String(d.attempts),
                  d.lastError ?? "",
                ]),
              ),
            );
        } while (after !== undefined);
        if (count === 0 && !options.json) say("no dead letters");
      });
    });

const replayCommand = () =>
  new Command("replay")
    .description("let the relay send dead letters again, from the first attempt on")
    .argument("[delivery]", "its id, from webhook dead")
    .option("--all", "all of them, but those of disabled webhooks")
    .option("--webhook <webhook>", "with --all: of one webhook")
    .action(async (id: string | undefined, options: { all?: boolean; webhook?: string }) => {
      if ((id === undefined) === (options.all === undefined)) throw new UsageError("name one delivery, or say --all");
      if (options.webhook && !options.all) throw new UsageError("--webhook: goes with --all");
      await withApp(async ({ database: { pool } }) => {
        if (id === undefined) {
          const known = await listWebhooks(pool);
          const webhook = known.find((w) => w.id === options.webhook);
          if (options.webhook && !webhook) throw unknown(options.webhook);
          if (webhook?.disabledAt) throw disabled(webhook.id);
          const replayed = await replayDead(pool, options.webhook, CLI_ACTOR);
          return say(`${replayed} ${replayed === 1 ? "delivery is" : "deliveries are"} on the way again`);
        }
        const replayed = await replayDelivery(pool, id, CLI_ACTOR);
        if (replayed === "missing")
          throw new UsageError(`delivery: there is none with the id ${id}: "reupload webhook dead" lists them`);
        if (replayed === "not dead") throw new UsageError("delivery: it is not dead: it was delivered, or is still tried");
        if (replayed === "disabled") throw new UsageError("delivery: its webhook is disabled: enable it on its page first");
        say(`${id} is on the way again`);
      });
    });

const encryptCommand = () =>
  new Command("encrypt")
    .description("encrypt all webhooks' secrets with WEBHOOK_KEY, the first when it holds several")
    .option("--back", "keep them in clear again")
    .action(async (options: { back?: boolean }) => {
      await withApp(async ({ config: { webhookKey }, database: { pool } }) => {
        if (webhookKey.length === 0) throw new UsageError("WEBHOOK_KEY: is not set: it encrypts and decrypts the secrets");
        const { changed, closed } = await sealAll(pool, options.back ? [] : webhookKey, webhookKey, CLI_ACTOR);
        say(
          `${changed} ${changed === 1 ? "webhook's secret is" : "webhooks' secrets are"} ${options.back ? "decrypted" : "encrypted"}`,
        );
        if (closed > 0)
          throw new UsageError(
            `WEBHOOK_KEY: opens the secrets of all webhooks but ${closed}: add the key they were encrypted with, after a comma`,
          );
      });
    });

const unknown = (id: string) => new UsageError(`webhook: there is none with the id ${id}: "reupload webhook list" lists them`);
const disabled = (id: string) => new UsageError(`webhook: ${id} is disabled: enable it on its page first`);
