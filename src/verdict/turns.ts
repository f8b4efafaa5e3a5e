import { DIHEDRALS, type Dihedral, type PatchSet, type Transform } from "../model.js";

/** How the submission was turned, seen from the view of it that looks like the reference. */
export const TURNS: Record<Dihedral, Pick<Transform, "mirrored" | "rotatedDeg">> = {
  original: { mirrored: false, rotatedDeg: 0 },
  rotate90: { mirrored: false, rotatedDeg: 270 },
  rotate180: { mirrored: false, rotatedDeg: 180 },
  rotate270: { mirrored: false, rotatedDeg: 90 },
  flipx: { mirrored: true, rotatedDeg: 180 },
  flipy: { mirrored: true, rotatedDeg: 0 },
  flipplus1: { mirrored: true, rotatedDeg: 90 },
  flipminus1: { mirrored: true, rotatedDeg: 270 },
};

/** The view of a submission that looks like the reference, given how the submission was turned. */
export const dihedralOf = (mirrored: boolean, rotatedDeg: number): Dihedral =>
  DIHEDRALS.find((d) => TURNS[d].mirrored === mirrored && TURNS[d].rotatedDeg === rotatedDeg) ??
  (mirrored ? "flipy" : "original");

/** By how much patches were turned before they were looked up: 0 to 359, so much is the submission turned the other way. */
export const degreesOf = ({ turned }: Pick<PatchSet, "turned">): number => turned?.degrees ?? 0;

/** What of a turn is no whole quarter: -45 to 45. */
export const tiltOf = (degrees: number): number => ((degrees + 45) % 90) - 45;
