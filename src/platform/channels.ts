/** PostgreSQL notifications. A lost one only costs time: every listener also looks by itself. */

/** Sent by transactions that write to the outbox; wakes the relays. */
export const OUTBOX_CHANNEL = "reupload_outbox";

/** Sent by transactions that add, retire or delete a reference; wakes the processes that keep an index of their own. */
export const REFERENCES_CHANNEL = "reupload_references";
