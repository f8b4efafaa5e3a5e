/** A thread that does one piece of building, away from the event loop, and ends: so all memory it no longer needs is freed. */
import { parentPort, workerData } from "node:worker_threads";
import { type LoadOptions, loadSegments } from "./load.js";
import { mergeSegments, type Segment } from "./segment.js";

export type BuildWork = { load: LoadOptions } | { merge: { id: number; parts: Segment[]; isGone: Uint8Array } };

const work = workerData as BuildWork;
if ("load" in work) parentPort!.postMessage(await loadSegments(work.load));
else parentPort!.postMessage(mergeSegments(work.merge.id, work.merge.parts, work.merge.isGone));
