import type { App } from "./app.js";
import { finishErasure } from "./casework/erase/finish.js";
import { forgetter, removeExpiredFingerprints } from "./casework/forget.js";
import { settleLessons } from "./casework/learn.js";
import { retireExpired } from "./casework/retention.js";
import { recheckTakedowns } from "./casework/takedown-rechecks.js";
import { sweepTakedowns } from "./casework/takedown-sweep.js";
import { listsToLookBack, lookBackForList } from "./exchange/look-back-list.js";
import { packSome } from "./hash-index/pack.js";
import { reachOf } from "./media/fetch/allowed-address.js";
import { stillThere } from "./media/fetch/still-there.js";

/** What the relay's process does now and then, in this order: each round of it is one call of the function that this returns. */
export function housekeeper(app: App, stopping: AbortSignal): () => Promise<void> {
  const { log, casework, config } = app;
  const { pool } = app.database;
  const isThere = (url: string, what: "media" | "page") => stillThere(url, what, reachOf(config), stopping);
  const forgetClear = forgetter(pool, config.submissionRetentionDays);
  return async () => {
    await settleLessons(pool, app.learnSteps);
    const resumed = await app.resumeLookBacks(stopping);
    if (resumed > 0) log.info({ resumed }, "interrupted look-backs finished");
    for (const list of await listsToLookBack(pool)) await lookBackForList(pool, app.registerSteps, list, stopping);
    const swept = await sweepTakedowns(pool, casework);
    if (swept.queuedAgain + swept.expired > 0) log.info(swept, "takedowns past their deadline");
    for (let due = 1; due > 0 && !stopping.aborted; ) ({ due } = await recheckTakedowns(pool, isThere, casework));
    await packSome(pool);
    for (const { inQueues } of await retireExpired(pool)) await finishErasure(pool, app.queues, inQueues);
    const withoutHashes = await removeExpiredFingerprints(pool);
    if (withoutHashes > 0) log.info({ submissions: withoutHashes }, "fingerprints past their retention removed");
    const forgotten = await forgetClear(stopping);
    if (forgotten > 0) log.info({ submissions: forgotten }, "clear submissions past their retention forgotten");
  };
}
