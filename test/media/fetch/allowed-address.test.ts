import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { InvalidSubmissionError, UnscannableError } from "../../../src/errors.js";
import {
  INTERNET,
  isPublicAddress,
  publicLookup,
  refusePort,
  refusePrivateHost,
} from "../../../src/media/fetch/allowed-address.js";
import { webhookGuard } from "../../../src/web/webhook-guard.js";
import { PUBLIC, testNetwork } from "./download-servers.js";

describe("an address", () => {
  test.each(["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:93.184.216.34"])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    ["loopback", ["127.0.0.1", "127.255.255.254", "::1"]],
    ["of this network", ["0.0.0.0", "0.1.2.3", "::"]],
    ["private", ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1", "fec0::1"]],
    ["link-local", ["169.254.1.1", "fe80::1", "fe80::1%eth0"]],
    ["a cloud's metadata", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"]],
    ["behind a carrier's NAT", ["100.64.0.1", "100.127.255.255"]],
    ["multicast or broadcast", ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"]],
    [
      "reserved",
      ["192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "240.0.0.1", "192.88.99.1", "2001:db8::1", "3fff::1"],
    ],
    ["IPv4 in IPv6", ["::ffff:10.0.0.1", "::ffff:7f00:1", "::10.0.0.1", "::ffff:0:127.0.0.1"]],
    ["NAT64", ["64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"]],
    ["6to4 and Teredo", ["2002:a00:1::", "2002:7f00:1::", "2001:0:1:2::"]],
    ["none", ["nonsense", "", "1.2.3.4.5", "0x7f.1/8"]],
  ])("that is %s is not public", (_, addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([]);
  });

  test("of this machine is not asked, whatever it is", () => {
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter(({ address }) => INTERNET.isPublic(address))).toEqual([]);
  });
});

describe("a host", () => {
  const network = testNetwork({});

  test.each(["localhost", "localhost.", "a.localhost", "127.0.0.1", "[::1]", "[fd00:ec2::254]", "169.254.169.254"])(
    "%s is refused by how it is written, also for webhooks",
    (host) => {
      expect(() => refusePrivateHost(host)).toThrow(InvalidSubmissionError);
      expect(() => webhookGuard({ mediaAllowPrivateAddresses: false })?.refuseHost(host)).toThrow(InvalidSubmissionError);
    },
  );

  test.each(["example.org", "localhost.example.org", "notlocalhost", PUBLIC])("%s is not", (host) => {
    refusePrivateHost(host, network);
  });
});

describe("a lookup", () => {
  const look = (network: ReturnType<typeof testNetwork>, name: string, all: boolean) =>
    new Promise((resolve) => publicLookup(network)(name, { all }, (error, address) => resolve(error ?? address)));
  const network = testNetwork({ "both.test": [["10.0.0.1", PUBLIC, "127.0.0.1"]], "private.test": [["10.0.0.1"]] });

  test("leaves public addresses only, in both forms that Node asks in", async () => {
    expect(await look(network, "both.test", true)).toEqual([{ address: PUBLIC, family: 4 }]);
    expect(await look(network, "both.test", false)).toBe(PUBLIC);
  });

  test("fails when none is left, or the name is unknown", async () => {
    expect(await look(network, "private.test", true)).toBeInstanceOf(InvalidSubmissionError);
    expect(await look(network, "nobody.test", true)).toMatchObject({ code: "ENOTFOUND" });
  });
});

test("only named ports of public addresses are asked; a scheme stands for its port", () => {
  const reach = { allowPrivateAddresses: false, ports: [80, 443] };
  for (const url of ["http://example.org/", "https://example.org/", "http://example.org:443/"]) refusePort(new URL(url), reach);
  for (const url of ["http://example.org:22/", "https://example.org:8443/"])
    expect(() => refusePort(new URL(url), reach)).toThrow(UnscannableError);
  refusePort(new URL("http://example.org:22/"), { ...reach, allowPrivateAddresses: true });
  refusePort(new URL("http://example.org:22/"), { allowPrivateAddresses: false });
});
