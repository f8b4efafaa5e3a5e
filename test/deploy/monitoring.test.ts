import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createMetrics, type MetricSources } from "../../src/platform/metrics.js";
import { isThere, read, readYaml, run } from "./support.js";

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; runbook_url: string };
}

interface Panel {
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

const [{ groups }] = readYaml<{ groups: { name: string; rules: Rule[] }[] }>("deploy/monitoring/alerts.yaml");
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read("deploy/monitoring/dashboard.json")) as { uid: string; panels: Panel[] };
const panels = dashboard.panels.filter(({ type }) => type !== "row");
/** As Grafana fills them in. */
const filledIn = (expr: string) => expr.replaceAll("$__rate_interval", "1m").replaceAll("$job", ".*");
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr: filledIn(expr) })));

/** Read from Kubernetes' own exporter, and what Prometheus makes itself. */
const FOREIGN = ["kube_job_status_failed", "ALERTS"];

/** Every name in the text of a process that has all gauges to show. Any answer does: only the names count. */
async function namesOf(): Promise<Set<string>> {
  const answers = new Proxy({} as MetricSources, { get: () => async () => [] });
  const { registry } = createMetrics(answers);
  const names = (await registry.getMetricsAsJSON()).flatMap(({ name, type }) =>
    `${type}` === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  return new Set(names);
}

const metricsIn = (expr: string) => [...expr.matchAll(/\b(reupload|process|nodejs|kube)_[a-z0-9_]+/g)].map(([name]) => name);

describe("the alert rules", () => {
  it.skipIf(!isThere("promtool"))("are rules that Prometheus takes", () => {
    const { code, output } = run("promtool", ["check", "rules", "deploy/monitoring/alerts.yaml"]);
    expect(output).toContain(`SUCCESS: ${rules.length} rules found`);
    expect(code).toBe(0);
  });

  it.skipIf(!isThere("promtool"))("fire when they should, and not on a quiet day", () => {
    const { code, output } = run("promtool", ["test", "rules", "deploy/monitoring/alerts.test.yaml"]);
    expect(output).toContain("SUCCESS");
    expect(code, output).toBe(0);
  });

  it("are each tried out in a case where they fire", () => {
    const tried = read("deploy/monitoring/alerts.test.yaml");
    for (const { alert, labels } of rules) expect(tried).toContain(`{alertname="${alert}", severity="${labels.severity}"}`);
  });

  it("say what is wrong, how bad it is, and which section of the runbooks tells what to do", () => {
    const runbooks = read("docs/runbooks.md");
    const anchors = [...runbooks.matchAll(/^## (.+)$/gm)].map(([, title]) => title.toLowerCase().replaceAll(" ", "-"));
    const linked = rules.map(({ annotations }) => annotations.runbook_url.split("docs/runbooks.md#")[1]);
    for (const anchor of linked) expect(anchors).toContain(anchor);
    expect(anchors.filter((anchor) => !linked.includes(anchor))).toEqual([]);
    for (const { alert, annotations, labels } of rules) {
      expect(["critical", "warning"], alert).toContain(labels.severity);
      expect(annotations.summary.length).toBeGreaterThan(20);
      expect(runbooks, "the section names its alert").toContain(`\`${alert}\``);
    }
  });

  it("are the same for the Prometheus operator", () => {
    const [{ spec }] = readYaml<{ spec: unknown }>("deploy/monitoring/prometheus-rule.yaml");
    expect(spec, "make it anew from alerts.yaml: its first lines say how").toEqual({ groups });
  });
});

describe("the dashboard", () => {
  it("asks questions that Prometheus understands", () => {
    if (!isThere("promtool")) return;
    const folder = mkdtempSync(join(tmpdir(), "reupload-dashboard-"));
    const file = join(folder, "rules.yaml");
    const asRules = queries.map(({ expr }, i) => ({ record: `query_${i}`, expr }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules: asRules }] }));
    const { output } = run("promtool", ["check", "rules", file]);
    rmSync(folder, { recursive: true });
    expect(output).toContain(`SUCCESS: ${queries.length} rules found`);
  });

  it("has panels that do not lie on one another", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });
});

describe("the metrics in rules, dashboard and scaling", () => {
  it("are ones that a process really shows", async () => {
    const shown = await namesOf();
    const used = [...rules, ...queries].flatMap(({ expr }) => metricsIn(expr));
    used.push(...metricsIn(read("deploy/kubernetes/keda/scaled-object.yaml")));
    const unknown = [...new Set(used)].filter((name) => !shown.has(name) && !FOREIGN.includes(name));
    expect(unknown).toEqual([]);
  });
});
