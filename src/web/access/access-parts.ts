import type { Parts } from "../parts.js";

/** What of the service signing in needs. */
export type AccessParts = Pick<Parts, "config" | "log" | "pool">;
