/** One thing that breaks, for a while. Two faults of one target never overlap; all others may. */
export interface Fault {
  name: string;
  target: string;
  /** Out of the sum of all. */
  weight: number;
  /** Resolves when what it broke is whole again. `random` gives a number from 0 to 1. */
  happen(random: () => number): Promise<void>;
}

export const between = (random: () => number, least: number, most: number) => least + random() * (most - least);
