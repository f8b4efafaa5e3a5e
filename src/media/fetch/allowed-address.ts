import { lookup as resolve } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";
import type { Config } from "../../config.js";
import { InvalidSubmissionError, UnscannableError } from "../../errors.js";

const FORBIDDEN = "points at an address inside a private network, which is not fetched: give the public address of the media";
/** The only block of IPv6 that is given out for the public internet (IANA, IPv6 Global Unicast Address Assignments). */
const GLOBAL_IPV6 = ipaddr.parseCIDR("2000::/3");
/** Looks public and is not: every virtual machine of Azure reaches its host there (Microsoft, "What is IP address 168.63.129.16?"). */
const AZURE_HOST = "168.63.129.16";

/** What hosts and names are: who resolves them, and which addresses count as public. */
export interface Network {
  /** As `dns.lookup` with `all`. */
  resolve(
    hostname: string,
    options: { all: true; family?: number | "IPv4" | "IPv6"; hints?: number },
    callback: (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void,
  ): void;
  isPublic(address: string): boolean;
}

/** The one there is. */
export const INTERNET: Network = { resolve, isPublic: (address) => isPublicAddress(address) && !isOwnAddress(address) };

/** Where a fetch may go. */
export interface Reach {
  /** Any address and port may be asked. */
  allowPrivateAddresses: boolean;
  /** Of public addresses; any when it is missing. */
  ports?: number[];
  network?: Network;
}

/** As it is configured. */
export const reachOf = (config: Pick<Config, "mediaAllowPrivateAddresses" | "mediaPorts">): Reach => ({
  allowPrivateAddresses: config.mediaAllowPrivateAddresses,
  ports: config.mediaPorts,
});

/**
 * Whether an address is on the public internet. Loopback, private, link-local, multicast and reserved ranges are not,
 * nor are IPv6 forms that carry an IPv4 address through a gateway (NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== "unicast" || parsed.toString() === AZURE_HOST) return false;
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_IPV6);
}

/** Also by its public address this machine offers to itself what a firewall keeps from others. */
function isOwnAddress(address: string): boolean {
  const asked = ipaddr.process(address).toString();
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.some((one) => ipaddr.isValid(one.address) && ipaddr.process(one.address).toString() === asked);
}

/**
 * A host that is written as an address skips name resolution, so it is checked here, and with it the name that always means this machine
 * (RFC 6761, 6.3). `hostname` is as `URL` has it: other spellings of an address (octal, hexadecimal, one number) are gone.
 *
 * @throws InvalidSubmissionError naming `media.url`.
 */
export function refusePrivateHost(hostname: string, network: Network = INTERNET): void {
  const host = hostname.replace(/^\[|\]$/g, "");
  const isPrivate = isIP(host) ? !network.isPublic(host) : /(^|\.)localhost\.?$/i.test(host);
  if (isPrivate) throw new InvalidSubmissionError("media.url", FORBIDDEN);
}

/** @throws UnscannableError naming the variable that lets more ports be asked. */
export function refusePort(url: URL, { allowPrivateAddresses, ports }: Reach): void {
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  if (allowPrivateAddresses || ports === undefined || ports.includes(port)) return;
  throw new UnscannableError(`port ${port} of ${url.hostname} is not asked: MEDIA_PORTS names those that are`);
}

/**
 * Resolves through a network and leaves only public addresses, at the moment of connecting: a name cannot change its mind between a check
 * and a connection. Fails with InvalidSubmissionError when none is left.
 */
export const publicLookup =
  (network: Network): LookupFunction =>
  (hostname, options, callback) => {
    network.resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const allowed = addresses.filter(({ address }) => network.isPublic(address));
      if (allowed.length === 0) return callback(new InvalidSubmissionError("media.url", FORBIDDEN), []);
      if (options.all) return callback(null, allowed);
      callback(null, allowed[0].address, allowed[0].family);
    });
  };

export const lookupPublic: LookupFunction = publicLookup(INTERNET);
