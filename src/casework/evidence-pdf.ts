import { setImmediate as breathe } from "node:timers/promises";
import type { Segment, Transform } from "../model.js";
import { clock } from "../verdict/explain.js";
import type { Entry, EvidencePack } from "./evidence-chain.js";
import { EVIDENCE_TEXTS, type EvidenceTexts } from "./evidence-texts.js";
import { createPaper, type Paper } from "./pdf.js";

/** The contents of a pack's entries, as evidence-rows.ts makes them; the fields that are printed. */
interface CaseContent {
  id: string;
  title: string;
  class: string;
  legalBasis: string;
  createdAt: string;
  closedAt: string | null;
  mergedFrom: string[];
}
interface KnownContent {
  id: string;
  label: string;
  kind: "image" | "video";
  durationMs: number;
  sha256: string;
  provenance: string;
  learnedFrom: string | null;
  registeredAt: string;
  retiredAt: string | null;
}
interface MatchContent {
  referenceId: string;
  transform: Transform;
  segments: Segment[];
  framesAgreeing: number;
  medianDistanceBits: number | null;
}
interface UploadContent {
  number: number;
  submissionId: string;
  sha256: string | null;
  kind: "image" | "video" | null;
  durationMs: number | null;
  mediaUrl: string | null;
  pageUrl: string | null;
  platform: string | null;
  uploader: { id: string | null; url: string | null };
  reportedAt: string | null;
  receivedAt: string;
  scannedAt: string | null;
  verdicts: { decidedAt: string; policyVersion: string; toolVersion: string; matches: MatchContent[] }[];
  alerts: { state: string; decidedAt: string | null; decidedBy: string | null }[];
  takedown: {
    state: string;
    attempt: number;
    requestedAt: string;
    events: { attempt: number; state: string; by: string; at: string }[];
  } | null;
}

/** Spans of one match that are printed; the JSON has all. */
const MOST_SPANS = 12;

/** Re-uploads that are printed with all that is known of them; of those after it, two lines each, and the JSON has the rest. */
const MOST_IN_FULL = 1_000;

/** The pack as a PDF to read and to print: A4, numbered pages, the head of the chain on each. A re-upload takes some 4 ms and a third of a page. */
export async function evidencePdf(pack: EvidencePack, language: "en" | "sq" = "en"): Promise<Buffer> {
  const t: EvidenceTexts = EVIDENCE_TEXTS[language];
  const about = <Content>(what: Entry["about"]): Content[] =>
    pack.entries.filter((entry) => entry.about === what).map((entry) => entry.content as Content);
  const [{ case: of }] = about<{ case: CaseContent }>("case");
  const known = about<KnownContent>("known material");
  const uploads = about<UploadContent>("re-upload");
  const paper = createPaper({ title: `${t.title}: ${of.id}`, createdAt: new Date(pack.madeAt), language });
  paper.title(`${t.title}: ${of.id}`);
  writeCase(paper, t, pack, of);
  writeSummary(paper, t, uploads);
  paper.heading(t.check);
  paper.paragraph(t.checkText);
  paper.heading(t.policies);
  for (const policy of about<{ version: string; firstUsedAt: string }>("policy"))
    paper.field(policy.version, `${t.firstUsed}: ${timeOf(policy.firstUsedAt)}`);
  paper.heading(`${t.known} (${known.length})`);
  for (const reference of known) writeKnown(paper, t, reference);
  const labels = new Map(known.map((reference) => [reference.id, reference.label]));
  paper.heading(`${t.uploads} (${uploads.length})`);
  for (const [i, upload] of uploads.entries()) {
    if (i === MOST_IN_FULL) paper.paragraph(t.inShort(MOST_IN_FULL));
    if (i < MOST_IN_FULL) writeUpload(paper, t, upload, labels);
    else writeInShort(paper, t, upload);
    // Some milliseconds of work: whoever else is served by this process is served in between.
    if (i % 20 === 19) await breathe();
  }
  return paper.finish((page, pages) => [`${t.case} ${of.id} · ${t.footer({ page, pages })}`, `SHA-256 ${pack.head}`]);
}

/** Minutes, in UTC, in print; the JSON has microseconds. */
const timeOf = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;

const stateOf = (t: EvidenceTexts, state: string): string => t.states[state as keyof typeof t.states] ?? state;

function writeCase(paper: Paper, t: EvidenceTexts, pack: EvidencePack, of: CaseContent): void {
  paper.field(t.case, of.id);
  if (of.title) paper.field(t.caseTitle, of.title);
  paper.field(t.class, of.class);
  if (of.legalBasis) paper.field(t.legalBasis, of.legalBasis);
  paper.field(t.opened, timeOf(of.createdAt));
  if (of.closedAt) paper.field(t.closed, timeOf(of.closedAt));
  if (of.mergedFrom.length > 0) paper.field(t.merged, of.mergedFrom.join(", "));
  paper.field(t.made, timeOf(pack.madeAt));
  paper.field(t.madeBy, pack.madeBy);
  paper.field(t.tool, pack.toolVersion);
}

function writeSummary(paper: Paper, t: EvidenceTexts, uploads: UploadContent[]): void {
  paper.heading(t.found);
  if (uploads.length === 0) {
    paper.paragraph(t.nothing);
    return;
  }
  const profiles = uploads.filter((u) => u.uploader.id !== null).map((u) => JSON.stringify([u.platform, u.uploader.id]));
  const platforms = uploads.map((u) => u.platform).filter((platform) => platform !== null);
  const last = uploads.map((u) => u.receivedAt).sort()[uploads.length - 1];
  paper.paragraph(
    t.summary({
      uploads: uploads.length,
      profiles: new Set(profiles).size,
      platforms: new Set(platforms).size,
      last: timeOf(last),
    }),
  );
}

function writeKnown(paper: Paper, t: EvidenceTexts, reference: KnownContent): void {
  const length = reference.kind === "video" ? `${t.video}, ${clock(reference.durationMs)}` : t.image;
  paper.item(`${reference.label} (${length})`, 3);
  paper.field("SHA-256", reference.sha256);
  paper.field(t.provenance, reference.provenance);
  if (reference.learnedFrom) paper.field(t.learned, reference.learnedFrom);
  const retired = reference.retiredAt ? `; ${t.retired}: ${timeOf(reference.retiredAt)}` : "";
  paper.field(t.registered, `${timeOf(reference.registeredAt)}${retired}`);
}

function writeUpload(paper: Paper, t: EvidenceTexts, upload: UploadContent, labels: Map<string, string>): void {
  paper.item(`${t.upload} ${upload.number}`, 6);
  paper.field(t.submission, upload.submissionId);
  paper.field(t.fetched, upload.sha256 ?? t.none);
  if (upload.mediaUrl) paper.field(t.media, upload.mediaUrl);
  if (upload.pageUrl) paper.field(t.page, upload.pageUrl);
  const { id, url } = upload.uploader;
  const uploader = [id, url].filter(Boolean).join(", ");
  if (upload.platform) paper.field(t.platform, upload.platform);
  if (uploader) paper.field(t.uploader, uploader);
  const times = [
    [t.reported, upload.reportedAt],
    [t.received, upload.receivedAt],
    [t.scanned, upload.scannedAt],
  ].flatMap(([name, at]) => (at ? [`${name} ${timeOf(at)}`] : []));
  paper.field(t.times, times.join("; "));
  for (const verdict of upload.verdicts) for (const match of verdict.matches) writeMatch(paper, t, verdict, match, labels);
  for (const alert of upload.alerts)
    if (alert.decidedAt)
      paper.field(t.alert, [stateOf(t, alert.state), timeOf(alert.decidedAt), alert.decidedBy].filter(Boolean).join(", "));
  if (upload.takedown) writeTakedown(paper, t, upload.takedown);
}

function writeInShort(paper: Paper, t: EvidenceTexts, upload: UploadContent): void {
  const takedown = upload.takedown ? `; ${t.takedown}: ${stateOf(t, upload.takedown.state)}` : "";
  paper.field(
    String(upload.number),
    `${upload.submissionId}; ${upload.platform ?? t.none}; ${timeOf(upload.receivedAt)}${takedown}`,
  );
  paper.field("", upload.sha256 ?? t.none);
}

function writeMatch(
  paper: Paper,
  t: EvidenceTexts,
  verdict: UploadContent["verdicts"][number],
  match: MatchContent,
  labels: Map<string, string>,
): void {
  const { transform, medianDistanceBits: bits } = match;
  const changes = [
    transform.mirrored ? t.mirrored : "",
    transform.rotatedDeg !== 0 ? t.rotated(transform.rotatedDeg) : "",
    transform.tiltedDeg ? t.tilted(Math.abs(transform.tiltedDeg)) : "",
    transform.speed < 0 ? t.reversed : "",
    Math.abs(Math.abs(transform.speed) - 1) > 0.03 ? t.speed(Math.abs(transform.speed)) : "",
    transform.cropped ? t.cropped : "",
  ].filter(Boolean);
  paper.field(
    t.match,
    t.matchText({
      reference: labels.get(match.referenceId) ?? match.referenceId,
      frames: match.framesAgreeing,
      distance: bits === null ? t.parts : t.distance(bits),
      changes: changes.length > 0 ? `; ${changes.join(", ")}` : "",
    }),
  );
  const spans = match.segments.slice(0, MOST_SPANS).map((s) => t.span(spanOf(s)));
  const more = match.segments.length > MOST_SPANS ? [`+ ${match.segments.length - MOST_SPANS}`] : [];
  paper.field("", [...spans, ...more].join("; "));
  paper.field("", t.versions({ policy: verdict.policyVersion, tool: verdict.toolVersion, at: timeOf(verdict.decidedAt) }));
}

const spanOf = (s: Segment) => ({
  submission: `${clock(s.submissionFromMs)}-${clock(s.submissionToMs)}`,
  reference: `${clock(s.referenceFromMs)}-${clock(s.referenceToMs)}`,
});

function writeTakedown(paper: Paper, t: EvidenceTexts, takedown: NonNullable<UploadContent["takedown"]>): void {
  paper.field(t.takedown, `${stateOf(t, takedown.state)}, ${t.attempt(takedown.attempt)}; ${timeOf(takedown.requestedAt)}`);
  const events = takedown.events.map((event) => `${timeOf(event.at)} ${stateOf(t, event.state)} (${event.attempt}, ${event.by})`);
  if (events.length > 0) paper.field("", events.join("; "));
}
