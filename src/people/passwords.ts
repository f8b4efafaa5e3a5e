import { hash, parseOptions, verify } from "@node-rs/argon2";
import { RefusedError } from "./refused.js";

/** Argon2id with 19 MiB, 2 passes, 1 lane: the OWASP Password Storage Cheat Sheet's minimum. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** NIST SP 800-63B asks for length and a list of common ones, and against rules about kinds of characters. */
const MIN_LENGTH = 12;
const MAX_LENGTH = 256;
const FIRST_GUESSES =
  /^(?:password|passw0rd|fjalekalim|fjalëkalim|qwerty|qwertz|letmein|welcome|mirësevjen|admin|reupload|iloveyou|abc|\d|\W)+$/iu;

/** @throws RefusedError when the password is too short, too long, one of the first guesses, or little more than the name. */
export function checkPassword(password: string, name: string, field = "password"): void {
  const length = [...password].length;
  if (length < MIN_LENGTH) throw new RefusedError(field, "passwordShort");
  if (length > MAX_LENGTH) throw new RefusedError(field, "passwordLong");
  const rest = password.toLowerCase().replaceAll(name.toLowerCase(), "");
  if (new Set(password).size < 5 || rest.length < 6 || FIRST_GUESSES.test(password))
    throw new RefusedError(field, "passwordCommon");
}

/** An argon2id string (PHC format). The password is compared in Unicode's composed form, as keyboards differ. */
export const hashPassword = (password: string): Promise<string> => hash(password.normalize("NFC"), COST);

/** Nobody's password, so that an unknown name costs what a known one does. */
let decoy: Promise<string> | undefined;

/** True when it is the password. Without a hash it takes as long, and is false. */
export async function isPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  decoy ??= hashPassword("nobody's password");
  const isRight = await verify(passwordHash ?? (await decoy), password.normalize("NFC"));
  return isRight && typeof passwordHash === "string";
}

/** True when a hash was made with other costs than those of today. */
export function isOutdated(passwordHash: string): boolean {
  const used = parseOptions(passwordHash);
  return used.memoryCost !== COST.memoryCost || used.timeCost !== COST.timeCost || used.parallelism !== COST.parallelism;
}
