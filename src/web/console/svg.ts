/** Drawings are strings that go into pages as they are: what is not ours in them must pass through here. */
export const xml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] as string);

/** To a tenth of a unit: finer cannot be seen, and is longer to send. */
export const tenth = (n: number): number => Math.round(n * 10) / 10;
