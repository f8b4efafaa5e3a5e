import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidSubmissionError, TransientError, UsageError } from "../errors.js";
import type { VerdictKind } from "../model.js";
import type { IntakeClient } from "./client.js";
import type { ScanJob } from "./job.js";

export interface HttpIntakeOptions {
  /** Where reupload answers, such as "https://reupload.example.org". */
  url: string;
  /** A service token with the rights submissions:write and, to ask for outcomes, submissions:read. */
  token: string;
  /** Of one request. Default 30 s; a file takes as long as it takes to read, so give more where files are sent. */
  timeoutMs?: number;
  /** How often a request is tried in all, when the service is away or asks to come back. Default 5. */
  attempts?: number;
}

/** What is known of a submission. Until `state` is "scanned" there is no verdict; "parked" ones need mending, see `field` and `reason`. */
export interface SubmissionStatus {
  submissionId: string;
  state: "queued" | "scanning" | "retrying" | "scanned" | "parked";
  verdict?: VerdictKind;
  caseIds?: string[];
  reuploadNumber?: number;
  alertId?: string;
  takedownId?: string;
  reason?: string;
  field?: string;
}

/** What became of one submission of a batch: `refused` names what to mend, or that it must be sent again. */
export interface BatchOutcome {
  submissionId: string | null;
  state?: SubmissionStatus["state"];
  verdict?: VerdictKind;
  refused?: { field: string; message: string; tryAgain: boolean };
}

/** The same client as `createIntakeClient` on queues, for intake services that reach us over HTTP only. */
export interface HttpIntakeClient extends IntakeClient {
  /** Any number of submissions, sent some hundred at a time; outcomes in their order. */
  submitMany(jobs: ScanJob[]): Promise<BatchOutcome[]>;
  /** Sends a file along. It is read by the service and never kept. */
  submitFile(job: Omit<ScanJob, "media">, file: Blob, name?: string): Promise<SubmissionStatus>;
  /** What became of a submission, or undefined when nothing is known of it. */
  status(submissionId: string): Promise<SubmissionStatus | undefined>;
}

/** The service takes a thousand; fewer are answered well within the timeout. */
const BATCH = 200;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 30_000;

interface Problem {
  detail?: string;
  errors?: { field: string; message: string }[];
}

/**
 * An intake client over the HTTP API. Every request carries an Idempotency-Key and is tried again when the service is away (network, 5xx)
 * or asks to come back (408, 429, 503, and 409 while an earlier try is under way), waiting as long as `Retry-After` says, or twice as long each
 * time. Its functions throw InvalidSubmissionError naming the field when a submission is wrong; TransientError when the last attempt
 * failed; UsageError when the token is refused.
 *
 * @throws UsageError when the url or the token cannot be right.
 */
export function createHttpIntakeClient(options: HttpIntakeOptions): HttpIntakeClient {
  const { attempts = 5, timeoutMs = 30_000 } = options;
  if (!URL.canParse(options.url) || !/^https?:$/.test(new URL(options.url).protocol))
    throw new UsageError("url: must be an http or https address, such as https://reupload.example.org");
  if (options.token === "") throw new UsageError("token: is empty; an admin makes one on the page of tokens");
  const base = options.url.replace(/\/+$/, "");

  const once = (path: string, init: RequestInit): Promise<Response> =>
    fetch(`${base}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${options.token}`, ...(init.headers as Record<string, string>) },
      signal: AbortSignal.timeout(timeoutMs),
      redirect: "error",
    });

  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    for (let attempt = 1; ; attempt++) {
      const answer = await once(path, init).catch(
        (error) => new TransientError(`reupload did not answer: ${(error as Error).name}`, { cause: error }),
      );
      if (answer instanceof Response && !isNotNow(answer)) return answer;
      if (attempt >= attempts)
        throw answer instanceof Response ? new TransientError(`reupload answered ${answer.status}`) : answer;
      await sleep(waitMs(answer, attempt));
      if (answer instanceof Response) await answer.body?.cancel();
    }
  };

  const send = async <T>(path: string, body: string | FormData): Promise<T> => {
    const headers: Record<string, string> = { "idempotency-key": randomUUID() };
    // A form says its own, with the boundary.
    if (typeof body === "string") headers["content-type"] = "application/json";
    return read<T>(await ask(path, { method: "POST", body, headers }));
  };

  return {
    async submit(job) {
      await send("/v1/submissions", JSON.stringify(job));
    },
    async submitMany(jobs) {
      const outcomes: BatchOutcome[] = [];
      for (let from = 0; from < jobs.length; from += BATCH) {
        const answer = await send<{ outcomes: Sent[] }>(
          "/v1/submissions/batch",
          JSON.stringify({ submissions: jobs.slice(from, from + BATCH) }),
        );
        outcomes.push(...answer.outcomes.map(outcomeOf));
      }
      return outcomes;
    },
    submitFile: (job, file, name = "media") => send<SubmissionStatus>("/v1/submissions/upload", formOf(job, file, name)),
    async status(submissionId) {
      const answer = await ask(`/v1/submissions/${encodeURIComponent(submissionId)}`, { method: "GET" });
      return answer.status === 404 ? undefined : read<SubmissionStatus>(answer);
    },
  };
}

interface Sent {
  submissionId: string | null;
  status: number;
  state?: SubmissionStatus["state"];
  verdict?: VerdictKind;
  errors?: { field: string; message: string }[];
}

function outcomeOf({ submissionId, status, state, verdict, errors }: Sent): BatchOutcome {
  if (status < 400) return { submissionId, state, verdict };
  const [{ field, message } = { field: "submission", message: `was refused (${status})` }] = errors ?? [];
  return { submissionId, refused: { field, message, tryAgain: status === 503 } };
}

/**
 * Whether the same request may succeed later: nothing is wrong with one that arrived too slowly (408), as at a service that was stopped for a while.
 * A conflict says when to come back only while an earlier try is under way.
 */
const isNotNow = ({ status, headers }: Response): boolean =>
  status === 408 || status === 429 || status >= 500 || (status === 409 && headers.has("retry-after"));

function waitMs(answer: Response | Error, attempt: number): number {
  const asked = answer instanceof Response ? Number(answer.headers.get("retry-after") ?? Number.NaN) * 1_000 : Number.NaN;
  const own = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
  return Math.min(Number.isFinite(asked) && asked > 0 ? asked : own, LONGEST_WAIT_MS);
}

async function read<T>(answer: Response): Promise<T> {
  if (answer.ok) return (await answer.json()) as T;
  const { detail, errors = [] } = (await answer.json().catch(() => ({}))) as Problem;
  if (answer.status === 401 || answer.status === 403) throw new UsageError(`token: ${detail ?? "was refused"}`);
  const [first = { field: "submission", message: detail ?? `was refused (${answer.status})` }] = errors;
  throw new InvalidSubmissionError(first.field, first.message);
}

function formOf(
  { version: _, uploader, metadata, priority, ...rest }: Omit<ScanJob, "media">,
  file: Blob,
  name: string,
): FormData {
  const form = new FormData();
  const fields = {
    ...rest,
    uploaderId: uploader?.id,
    uploaderUrl: uploader?.url,
    priority: priority === undefined ? undefined : String(priority),
    metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
  };
  for (const [field, value] of Object.entries(fields)) if (value !== undefined) form.append(field, value);
  form.append("file", file, name);
  return form;
}
