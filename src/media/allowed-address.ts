import { lookup as resolve } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { InvalidSubmissionError } from "../errors.js";

const FORBIDDEN = "points at an address inside a private network, which is not fetched: give the public address of the media";
/** The only block of IPv6 that is given out for the public internet (IANA, IPv6 Global Unicast Address Assignments). */
const GLOBAL_IPV6 = ipaddr.parseCIDR("2000::/3");

/**
 * Whether an address is on the public internet. Loopback, private, link-local, multicast and reserved ranges are not,
 * nor are IPv6 forms that carry an IPv4 address through a gateway (NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_IPV6);
}

/** A host that is written as an address skips name resolution, so it is checked here. `hostname` is as `URL` has it. */
export function refusePrivateHost(hostname: string): void {
  const address = hostname.replace(/^\[|\]$/g, "");
  if (isIP(address) && !isPublicAddress(address)) throw new InvalidSubmissionError("media.url", FORBIDDEN);
}

/** Resolves like Node does and leaves only public addresses, at the moment of connecting: a name cannot change its mind. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const allowed = addresses.filter(({ address }) => isPublicAddress(address));
    if (allowed.length === 0) return callback(new InvalidSubmissionError("media.url", FORBIDDEN), []);
    if (options.all) return callback(null, allowed);
    callback(null, allowed[0].address, allowed[0].family);
  });
};
