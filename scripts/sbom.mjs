/**
 * Prints what a build is made of, as CycloneDX 1.5 JSON: the packages of package-lock.json that production needs, and with
 * `--debian FOLDER` (dpkg's entries, one file a package) Debian's. The same input gives the same bytes: no clock, nothing random.
 *
 *   node scripts/sbom.mjs [--lockfile FILE] [--installed FOLDER] [--debian FOLDER]
 *
 * `--installed FOLDER` leaves out the packages that FOLDER/node_modules does not have: those of other systems, and what was removed.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { productionPackages } from "./production-packages.mjs";

const options = {
  lockfile: { type: "string", default: "package-lock.json" },
  installed: { type: "string" },
  debian: { type: "string" },
};

/** Package URLs: https://github.com/package-url/purl-spec. Only the @ of a scope is written otherwise. */
const npmUrl = (name, version) => `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** Of SPDX's list, what our packages have; another word is a name. */
const SPDX = /^(0BSD|Apache-2\.0|BlueOak-1\.0\.0|BSD-[23]-Clause|ISC|MIT|MIT-0|Unlicense|L?GPL-[23]\.[01](-only|-or-later)?)$/;

function licensesOf(license) {
  if (!license) return [];
  if (/\s/.test(license)) return [{ expression: license.replace(/^\((.*)\)$/, "$1") }];
  return [{ license: SPDX.test(license) ? { id: license } : { name: license } }];
}

const hexOf = (integrity) => Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex");

function npmComponent({ name, entry: { version, license, integrity, optional } }) {
  const purl = npmUrl(name, version);
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    scope: optional ? "optional" : "required",
    hashes: integrity?.startsWith("sha512-") ? [{ alg: "SHA-512", content: hexOf(integrity) }] : [],
    licenses: licensesOf(license),
    purl,
  };
}

function debianComponent(text) {
  const field = (name) => text.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
  const [name, version] = [field("Package"), field("Version")];
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${field("Architecture")}`;
  return { type: "library", "bom-ref": purl, name, version, scope: "required", purl };
}

/** Two places of one version in the tree are one component. */
const once = (components) => [...new Map(components.map((component) => [component.purl, component])).values()];

function billOf({ lockfile, installed, debian }) {
  const { root, packages } = productionPackages(lockfile);
  const there = packages.filter(({ path }) => installed === undefined || existsSync(join(installed, path, "package.json")));
  const system = debian === undefined ? [] : readdirSync(debian).map((name) => readFileSync(join(debian, name), "utf8"));
  const components = once([...there.map(npmComponent), ...system.map(debianComponent)]);
  const purl = npmUrl(root.name, root.version);
  const { name, version, license } = root;
  const component = { type: "application", "bom-ref": purl, name, version, licenses: licensesOf(license), purl };
  components.sort((a, b) => (a.purl < b.purl ? -1 : 1));
  return { bomFormat: "CycloneDX", specVersion: "1.5", version: 1, metadata: { component }, components };
}

/** A UUID (version 8, RFC 9562) of the content instead of a random one. */
function serialOf(bill) {
  const hash = createHash("sha256").update(JSON.stringify(bill)).digest("hex");
  return `urn:uuid:${hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-8$3-8$4-$5")}`;
}

try {
  const bill = billOf(parseArgs({ options }).values);
  process.stdout.write(`${JSON.stringify({ ...bill, serialNumber: serialOf(bill) }, null, 1)}\n`);
} catch (error) {
  process.stderr.write(`sbom: ${error.message}\n`);
  process.exitCode = 1;
}
