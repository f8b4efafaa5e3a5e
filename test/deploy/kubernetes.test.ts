import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { BlockList } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CONFIG_VARIABLES, loadConfig } from "../../src/config.js";
import { isPublicAddress } from "../../src/media/fetch/allowed-address.js";
import { bytesOf, isThere, ROOT, read, readYaml, run } from "./support.js";

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: kubernetes-types says what is in it, in the first test.
  spec: any;
  data?: Record<string, string>;
}

interface Kustomization {
  resources?: string[];
  components?: string[];
}

/** What a kustomization names, its own and what it takes in. Patches and images are left to kustomize. */
function manifestsOf(folder: string): Manifest[] {
  const [{ resources = [], components = [] }] = readYaml<Kustomization>(join(folder, "kustomization.yaml"));
  return [...resources, ...components].flatMap((name) =>
    name.endsWith(".yaml") ? readYaml<Manifest>(join(folder, name)) : manifestsOf(join(folder, name)),
  );
}

const manifests = [...manifestsOf("deploy/kubernetes/example"), ...manifestsOf("deploy/kubernetes/migrate")];
const of = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const named = (kind: string, name: string) => of(kind).find(({ metadata }) => metadata.name === name)!;

/** Every pod that is described, with the name of who describes it. */
const pods = manifests
  .map(({ metadata, spec }): [string, Manifest["spec"]] => [metadata.name, spec?.jobTemplate?.spec.template ?? spec?.template])
  .filter(([, template]) => template !== undefined);
const settings = named("ConfigMap", "reupload").data!;
const { DATABASE_URL_FILE: _database, REDIS_URL_FILE: _redis, ...plain } = settings;
const config = loadConfig(plain);

/** Where Kubernetes' own types for these kinds are. */
const TYPES: Record<string, string> = {
  "v1 Namespace": "core/v1",
  "v1 ServiceAccount": "core/v1",
  "v1 ConfigMap": "core/v1",
  "v1 Service": "core/v1",
  "apps/v1 Deployment": "apps/v1",
  "batch/v1 Job": "batch/v1",
  "batch/v1 CronJob": "batch/v1",
  "policy/v1 PodDisruptionBudget": "policy/v1",
  "networking.k8s.io/v1 NetworkPolicy": "networking/v1",
  "networking.k8s.io/v1 Ingress": "networking/v1",
};
const FOREIGN = ["keda.sh/v1alpha1", "monitoring.coreos.com/v1"];

/** The compiler refuses fields that do not exist, values of another type, and what is missing. */
function typeCheck(checked: Manifest[]): string {
  const folder = mkdtempSync(join(tmpdir(), "reupload-kubernetes-"));
  try {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const lines = checked.map((manifest, i) => {
      const type = `import("kubernetes-types/${TYPES[`${manifest.apiVersion} ${manifest.kind}`]}").${manifest.kind}`;
      return `export const m${i}: ${type} = ${JSON.stringify(manifest)};`;
    });
    writeFileSync(join(folder, "manifests.ts"), lines.join("\n"));
    const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const options = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "ESNext",
      "--moduleResolution",
      "Bundler",
      "--types",
      "",
    ];
    return run(process.execPath, [tsc, "--ignoreConfig", ...options, join(folder, "manifests.ts")]).output;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("the manifests for Kubernetes", () => {
  it("have only fields that Kubernetes knows, with values of the right type", () => {
    const checked = manifests.filter(({ apiVersion }) => !FOREIGN.includes(apiVersion));
    expect(checked.filter((m) => TYPES[`${m.apiVersion} ${m.kind}`] === undefined)).toEqual([]);
    expect(typeCheck(checked)).toBe("");
    const spoilt = structuredClone(named("Deployment", "reupload-worker"));
    spoilt.spec.template.spec.containers[0].readinesProbe = spoilt.spec.template.spec.containers[0].readinessProbe;
    expect(typeCheck([spoilt])).toContain("readinesProbe");
  });

  it.skipIf(!isThere("kubectl"))("are put together by kustomize, with the image and the settings of the example", () => {
    const { code, output } = run("kubectl", ["kustomize", "deploy/kubernetes/example"]);
    expect(code, output).toBe(0);
    expect(output.match(/^kind: /gm)).toHaveLength(manifests.length);
    expect(output.match(/image: registry\.example\.org\/reupload:0\.1\.0/g)).toHaveLength(4);
    expect(output).not.toMatch(/image: reupload$/m);
    expect(output).toContain("CONSOLE_TIME_ZONE: Europe/Tirane");
    expect(run("kubectl", ["kustomize", "deploy/kubernetes/example/migrate"]).output).toContain(
      "registry.example.org/reupload:0.1.0",
    );
  });

  it("lie in one namespace whose pods must keep to the restricted standard", () => {
    expect(manifests.filter(({ kind, metadata }) => kind !== "Namespace" && metadata.namespace !== "reupload")).toEqual([]);
    expect(named("Namespace", "reupload").metadata.labels?.["pod-security.kubernetes.io/enforce"]).toBe("restricted");
  });

  it.each(pods)("%s runs without root, capabilities, a writable root or a key to the cluster", (_, { spec }) => {
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(spec).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName: "reupload",
    });
    for (const container of spec.containers) {
      const closed = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } };
      expect(container.securityContext).toEqual(closed);
      expect(container.image).toBe("reupload");
      expect(bytesOf(container.resources.limits.memory)).toBeGreaterThanOrEqual(bytesOf(container.resources.requests.memory));
    }
  });

  it.each(pods)("%s keeps its files in memory that its limit has room for, and its secrets in files", (_, { spec }) => {
    const [tmp, secrets] = spec.volumes;
    expect(tmp).toMatchObject({ name: "tmp", emptyDir: { medium: "Memory" } });
    expect(secrets).toEqual({ name: "secrets", secret: { secretName: "reupload", defaultMode: 0o440 } });
    const [container] = spec.containers;
    expect(container.volumeMounts.map((mount: { mountPath: string }) => mount.mountPath)).toEqual([
      "/tmp",
      "/run/secrets/reupload",
    ]);
    expect(bytesOf(container.resources.limits.memory)).toBeGreaterThan(bytesOf(tmp.emptyDir.sizeLimit));
    expect(container.env).toBeUndefined();
  });

  it("set only variables that the program knows, and values that it takes", () => {
    const known = [...CONFIG_VARIABLES, "DATABASE_URL_FILE", "REDIS_URL_FILE"];
    expect(Object.keys(settings).filter((name) => !known.includes(name))).toEqual([]);
    expect(settings.DATABASE_URL_FILE).toBe("/run/secrets/reupload/DATABASE_URL");
    expect(settings.REDIS_URL_FILE).toBe("/run/secrets/reupload/REDIS_URL");
    expect(config.mediaTmpDir).toBe("/tmp");
  });

  it("have room in /tmp for the downloads of all scans at a time", () => {
    const { spec } = named("Deployment", "reupload-worker").spec.template;
    const tmp = bytesOf(spec.volumes[0].emptyDir.sizeLimit);
    expect(tmp).toBeGreaterThanOrEqual(config.workerConcurrency * config.mediaMaxBytes);
    expect(bytesOf(spec.containers[0].resources.limits.memory)).toBeGreaterThanOrEqual(tmp + 1.5 * 1024 ** 3);
  });

  it("ask each process how it is, and give it time to stop", () => {
    for (const { metadata, spec } of of("Deployment")) {
      const { containers, terminationGracePeriodSeconds } = spec.template.spec;
      const [{ args, livenessProbe, readinessProbe, startupProbe, lifecycle, ports }] = containers;
      expect(args).toEqual(["start", "--roles", expect.stringMatching(/^((worker|relay),)?web$/)]);
      expect([startupProbe, livenessProbe].map((probe) => probe.httpGet.path)).toEqual(["/health/live", "/health/live"]);
      expect(readinessProbe.httpGet.path).toBe("/health/ready");
      expect(readinessProbe.timeoutSeconds).toBeGreaterThan(2);
      expect(ports[0].containerPort).toBe(config.httpPort);
      const preStop = lifecycle?.preStop.sleep.seconds ?? 0;
      expect(terminationGracePeriodSeconds, metadata.name).toBeGreaterThan(preStop + config.shutdownGraceMs / 1000 + 5);
    }
  });

  it("name only pods that there are", () => {
    const labels = pods.map(([, { metadata }]) => metadata.labels as Record<string, string>);
    const selects = (selector: {
      matchLabels?: Record<string, string>;
      matchExpressions?: { key: string; values: string[] }[];
    }) =>
      labels.filter(
        (label) =>
          Object.entries(selector.matchLabels ?? {}).every(([key, value]) => label[key] === value) &&
          (selector.matchExpressions ?? []).every(({ key, values }) => values.includes(label[key])),
      ).length;
    for (const { spec } of of("Deployment")) expect(selects(spec.selector)).toBe(1);
    for (const { spec } of of("PodDisruptionBudget")) expect(selects(spec.selector)).toBe(1);
    for (const { metadata, spec } of of("NetworkPolicy")) expect(selects(spec.podSelector), metadata.name).toBeGreaterThan(0);
    expect(selects({ matchLabels: named("Service", "reupload-web").spec.selector })).toBe(1);
    expect(selects(named("PodMonitor", "reupload").spec.selector)).toBe(3);
    expect(named("ScaledObject", "reupload-worker").spec.scaleTargetRef.name).toBe("reupload-worker");
  });

  it("let a node be drained, and keep one process of each kind meanwhile", () => {
    for (const { metadata, spec } of of("PodDisruptionBudget")) {
      expect(named("Deployment", metadata.name).spec.replicas, metadata.name).toBeGreaterThanOrEqual(2);
      expect(spec.maxUnavailable).not.toBe(0);
    }
  });

  it("let nobody out or in by default, and out to exactly what the program itself would fetch from", () => {
    const everybody = named("NetworkPolicy", "reupload-nothing").spec;
    expect(everybody).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    const { egress } = named("NetworkPolicy", "reupload-outside").spec;
    const allowed = new BlockList();
    const excepted = new BlockList();
    const family = (network: string) => (network.includes(":") ? "ipv6" : "ipv4");
    const add = (list: BlockList, cidr: string) => list.addSubnet(cidr.split("/")[0], Number(cidr.split("/")[1]), family(cidr));
    for (const { ipBlock } of egress[0].to) {
      add(allowed, ipBlock.cidr);
      for (const cidr of ipBlock.except) add(excepted, cidr);
    }
    const passes = (address: string) => allowed.check(address, family(address)) && !excepted.check(address, family(address));
    const addresses = [
      ...[
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.1",
        "192.0.2.7",
      ],
      ...["198.18.0.1", "203.0.113.5", "198.51.100.9", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.88.99.1", "192.0.0.9"],
      ...[
        "8.8.8.8",
        "1.1.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "169.253.1.1",
        "192.167.1.1",
        "223.255.255.1",
        "11.0.0.1",
      ],
      ...["::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::a00:1", "2002:a00:1::", "2001:db8::1", "2001::1"],
      ...["2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "2400:cb00::1"],
    ];
    for (const address of addresses) expect([address, passes(address)]).toEqual([address, isPublicAddress(address)]);
    expect(egress[0].ports.map(({ port }: { port: number }) => port)).toEqual([80, 443]);
  });

  it("keep health and metrics from the outside", () => {
    const { paths } = named("Ingress", "reupload").spec.rules[0].http;
    const target = Object.fromEntries(
      paths.map((p: { path: string; backend: Manifest["spec"] }) => [p.path, p.backend.service.name]),
    );
    expect(target).toEqual({ "/metrics": "reupload-nobody", "/health": "reupload-nobody", "/": "reupload-web" });
    expect(named("Service", "reupload-nobody").spec.selector).toBeUndefined();
  });

  it("scale workers on the queue, to no more than the database has connections for", () => {
    const { triggers, minReplicaCount, maxReplicaCount } = named("ScaledObject", "reupload-worker").spec;
    expect(minReplicaCount).toBeGreaterThanOrEqual(1);
    expect(triggers[0].metadata.query).toContain('reupload_queue_jobs{queue="submissions"');
    const others = of("Deployment").filter(({ metadata }) => metadata.name !== "reupload-worker");
    // One more of each while a new version comes.
    const processes = Math.ceil(maxReplicaCount * 1.25) + others.reduce((sum, { spec }) => sum + spec.replicas + 1, 0);
    // And each listens on one connection more.
    expect(processes * (config.databasePool + 1)).toBeLessThanOrEqual(250);
    expect(read("docs/kubernetes.md")).toContain("`max_connections` of 250");
  });
});
