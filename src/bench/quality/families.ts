import { wildcard } from "./wildcard.js";

/**
 * Files that must stay together, because what is learned from one would leak to the other.
 * "copies" show the same material: the first listed is the known, the others are natural re-uploads of it.
 * "relatives" only resemble each other, and are innocent of each other.
 */
export interface Family {
  name: string;
  /** File names without their extension; `*` stands for anything. The first that exists leads. */
  files: string[];
  kind: "copies" | "relatives";
  /** For pictures that cannot be anyone's known, such as a test card. */
  role?: "known" | "innocent";
}

/** Families among freely available test media. A corpus adds its own in `families.json`: `{"families": [ … ]}`. */
export const COMMON_FAMILIES: Family[] = [
  {
    name: "bridge",
    files: ["aaa-orig", "bridge-*", "blur-*", "high-contrast", "sharpen-a-lot", "shrink-a-lot", "square-*", "1"],
    kind: "copies",
  },
  { name: "chair", files: ["chair-orig-22-sd-bar", "chair-*"], kind: "copies" },
  { name: "pattern", files: ["pattern-hd-no-bar", "pattern-*"], kind: "copies" },
  { name: "flower", files: ["flower"], kind: "copies" },
  { name: "bikes", files: ["bikes", "scene_cuts"], kind: "copies" },
  { name: "bunny", files: ["bigbuckbunny", "rabbit320"], kind: "relatives" },
  { name: "bears", files: ["wild-bear", "urban-bear", "teddy-bear"], kind: "relatives" },
  { name: "pages", files: ["page", "text", "wee"], kind: "relatives" },
  { name: "flat", files: ["q0003", "q0004", "small"], kind: "relatives", role: "innocent" },
  { name: "test-cards", files: ["test-padded-dimensions", "countdown-in"], kind: "relatives", role: "innocent" },
];

/** The family of a file, and its rank in it (0 leads). A file of no listed family belongs with those whose name starts alike up to the first "-". */
export function familyOf(fileName: string, families: Family[]): { family: Family; rank: number } {
  const stem = fileName.replace(/\.[^.]+$/, "");
  for (const family of families) {
    const rank = family.files.findIndex((pattern) => wildcard(pattern, "i").test(stem));
    if (rank >= 0) return { family, rank };
  }
  return { family: { name: stem.split("-")[0], files: [], kind: "relatives" }, rank: 0 };
}
