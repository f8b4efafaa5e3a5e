import { createHash, randomBytes } from "node:crypto";

/** 256 random bits, base64url: 43 characters. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

/** What the tables keep of a secret. The secret is random, so a plain hash is enough. */
export const sha256Of = (secret: string): Buffer => createHash("sha256").update(secret).digest();

/** The shape of {@link newSecret}: anything else needs no look into the database. */
export const looksLikeSecret = (text: string): boolean => /^[\w-]{43}$/.test(text);
