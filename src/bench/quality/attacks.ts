import { basicAttacks } from "./attacks/basic.js";
import { composedAttacks } from "./attacks/composed.js";
import { crossAttacks } from "./attacks/cross.js";
import { buriedExcerpt } from "./attacks/excerpt.js";
import { geometryAttacks } from "./attacks/geometry.js";
import type { Attack } from "./attacks/recipe.js";
import { timelineAttacks } from "./attacks/timeline.js";

/** Every attack, in the order of the report. All are deterministic: fixed seeds, fixed encoder settings. */
export const ATTACKS: readonly Attack[] = [
  ...basicAttacks,
  ...geometryAttacks,
  ...timelineAttacks,
  buriedExcerpt,
  ...composedAttacks,
  ...crossAttacks,
];

/** The attacks whose name or group matches one of the comma-separated patterns; `*` stands for anything. */
export function selectAttacks(patterns = "*"): Attack[] {
  const expressions = patterns.split(",").map(
    (p) =>
      new RegExp(
        `^${p
          .trim()
          .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
          .replaceAll("*", ".*")}$`,
      ),
  );
  return ATTACKS.filter((attack) => expressions.some((e) => e.test(attack.name) || e.test(attack.group)));
}
