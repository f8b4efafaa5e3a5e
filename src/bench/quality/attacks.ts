import { UsageError } from "../../errors.js";
import { basicAttacks } from "./attacks/basic.js";
import { composedAttacks } from "./attacks/composed.js";
import { crossAttacks } from "./attacks/cross.js";
import { buriedExcerpt, excerptsByKeyframes } from "./attacks/excerpt.js";
import { geometryAttacks } from "./attacks/geometry.js";
import type { Attack } from "./attacks/recipe.js";
import { timelineAttacks } from "./attacks/timeline.js";
import { wildcard } from "./wildcard.js";

/** Every attack, in the order of the report. All are deterministic: fixed seeds, fixed encoder settings. */
export const ATTACKS: readonly Attack[] = [
  ...basicAttacks,
  ...geometryAttacks,
  ...timelineAttacks,
  buriedExcerpt,
  ...excerptsByKeyframes,
  ...composedAttacks,
  ...crossAttacks,
];

/**
 * The attacks whose name or group matches one of the comma-separated patterns; `*` stands for anything.
 *
 * @throws UsageError for a pattern that no attack matches; "natural" stands for the copies that a corpus brings.
 */
export function selectAttacks(patterns = "*"): Attack[] {
  const chosen = patterns.split(",").map((pattern) => {
    const text = pattern.trim();
    const expression = wildcard(text);
    const attacks = ATTACKS.filter(({ name, group }) => expression.test(name) || expression.test(group));
    if (attacks.length === 0 && text !== "natural") throw new UsageError(`attacks: nothing is called ${text}`);
    return attacks;
  });
  return ATTACKS.filter((attack) => chosen.some((attacks) => attacks.includes(attack)));
}
