import { actorName } from "./explain.js";
import type { Reader } from "./page.js";

/** The sentences that `actOnAlerts` refuses with, and how the pages say them. One that is not here is shown as it is, in English. */
const SENTENCES: [RegExp, (found: string[], reader: Reader) => string][] = [
  [/^there is no alert/, (_, { t }) => t.alerts.refusals.gone],
  [
    /^it was (\w+) by (.+); that must be undone first$/,
    ([what, who], reader) => reader.t.alerts.refusals.contrary(wordFor(what, reader), actorName(who, reader)),
  ],
  [/^no known material was found/, (_, { t }) => t.alerts.refusals.nothingKnown],
  [/^nothing was decided/, (_, { t }) => t.alerts.refusals.undecided],
  [
    /^it was (\w+) by (.+): only they or an admin/,
    ([what, who], reader) => reader.t.alerts.refusals.notYours(wordFor(what, reader), actorName(who, reader)),
  ],
  [/^it was (\w+) more than (\d+) minutes ago/, ([, minutes], { t }) => t.alerts.refusals.tooLate(minutes)],
  [/^accountId:/, (_, { t }) => t.alerts.refusals.nobody],
];

const wordFor = (what: string, { t }: Reader) => t.alert.events[what] ?? what;

/** Why an act was refused, in the reader's language; `foreign` when it is in English and the reader's is not. */
export function refusalFor(why: string, reader: Reader): { text: string; foreign: boolean } {
  for (const [pattern, say] of SENTENCES) {
    const found = pattern.exec(why);
    if (found) return { text: say(found.slice(1), reader), foreign: false };
  }
  return { text: why, foreign: reader.language !== "en" };
}
