/** A thread that searches the segments it was told to hold. */
import { parentPort, workerData } from "node:worker_threads";
import { emptyHits, HIT_NUMBERS, type Searcher, type Segment, search, searcherOf } from "./segment.js";

export type SearchMessage =
  | { hold: Segment }
  | { drop: number }
  | { search: { ticket: number; view: [segment: number, count: number][]; queries: Uint8Array; withinBits: number } };

const searchers = new Map<number, Searcher>();

parentPort!.on("message", (message: SearchMessage) => {
  if ("hold" in message) searchers.set(message.hold.id, searcherOf(message.hold, workerData.slot));
  else if ("drop" in message) searchers.delete(message.drop);
  else {
    const { ticket, view, queries, withinBits } = message.search;
    const hits = emptyHits();
    for (const [segment, count] of view) search(searchers.get(segment)!, queries, count, withinBits, hits);
    const numbers = hits.numbers.slice(0, HIT_NUMBERS * hits.length);
    parentPort!.postMessage({ ticket, numbers }, [numbers.buffer]);
  }
});
