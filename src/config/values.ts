import { isIP } from "node:net";
import { z } from "zod";

export const whole = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be from ${min} to ${max}`);

export const flag = z.enum(["0", "1"], "must be 0 or 1").transform((v) => v === "1");

/** The drivers decode user and password, so a lone % in them would only be found when they connect. */
function isAddress(text: string): boolean {
  try {
    return Boolean(new URL(text) && decodeURIComponent(text));
  } catch {
    return false;
  }
}

export const urlOf = (...schemes: string[]) =>
  z
    .string()
    .refine((v) => schemes.some((s) => v.startsWith(`${s}://`)), {
      message: `must start with ${schemes.map((s) => `${s}://`).join(" or ")}`,
      abort: true,
    })
    .refine(isAddress, "is not a valid address: write special characters in its user and password as %XX");

/** An address without a path: what pages are reached at, or who signs people in. Only on this machine may it go without TLS. */
export const origin = z.string().transform((v, context) => {
  const url = URL.canParse(v) ? new URL(v) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.pathname === "/" && !url.search && !url.hash && !url.username)
    return url.origin;
  context.addIssue("must be an address such as https://reupload.example.org, without a path");
  return z.NEVER;
});

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

export const issuer = z.string().refine((v) => {
  const url = URL.canParse(v) ? new URL(v) : undefined;
  return url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname));
}, "must start with https://");

export const addresses = z
  .string()
  .transform((v) => v.split(",").map((part) => part.trim()))
  .pipe(z.array(z.string().refine(isNetwork, "must be addresses or networks (10.0.0.0/8), separated by commas")));

function isNetwork(text: string): boolean {
  const [address, bits, more] = text.split("/");
  const most = isIP(address) === 6 ? 128 : 32;
  return more === undefined && isIP(address) !== 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
}

export const ports = z
  .string()
  .refine((v) => v.split(",").every((port) => /^ *\d{1,5} *$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535), {
    message: "must be ports, such as 80,443",
  })
  .transform((v) => v.split(",").map(Number));

/** Keys of 256 bits, in base64: the first encrypts, all of them decrypt. */
export const cipherKeys = z.string().transform((v, context) => {
  const found = v.split(",").map((key) => Buffer.from(key.trim(), "base64"));
  if (found.every((key, i) => key.length === 32 && key.toString("base64") === v.split(",")[i].trim())) return found;
  context.addIssue(
    "must be 32 random bytes in base64 (openssl rand -base64 32); while one is replaced, the new one, a comma, and the old one",
  );
  return z.NEVER;
});

export const timeZone = z.string().refine((name) => {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}, "must be a time zone such as Europe/Tirane");

export const mailAddresses = z
  .string()
  .transform((v) => v.split(",").map((part) => part.trim()))
  .pipe(z.array(z.email("must be e-mail addresses, separated by commas")).nonempty());
