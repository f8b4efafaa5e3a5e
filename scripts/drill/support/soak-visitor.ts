/** Somebody who is signed in to the console, and a program with a token, as one: both by HTTP. */
export interface Visitor {
  /** Reads a page to its end. @throws Error when it is not answered with 200. */
  page(path: string): Promise<void>;
  /** Calls the API. Undefined when it answers that the request does not fit the state of things (404, 409). */
  api<Answer>(method: "GET" | "POST", path: string, body?: unknown): Promise<Answer | undefined>;
}

const TIMEOUT_MS = 60_000;

/** @param options `token` for the API, `name` and `password` for the console. */
export async function visit(address: string, options: { name: string; password: string; token: string }): Promise<Visitor> {
  const ask = (path: string, init: RequestInit) =>
    fetch(new URL(path, address), { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS), ...init });
  const form = new URLSearchParams({ name: options.name, password: options.password });
  const entered = await ask("/sign-in", { method: "POST", body: form });
  await entered.arrayBuffer();
  const cookie = entered.headers
    .getSetCookie()
    .map((set) => set.split(";")[0])
    .join("; ");
  return {
    page: async (path) => {
      const answer = await ask(path, { headers: { cookie, accept: "text/html" } });
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`${path} is answered with ${answer.status}`);
    },
    api: async (method, path, body) => {
      const headers = {
        authorization: `Bearer ${options.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      };
      const answer = await ask(`/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
      const text = await answer.text();
      if ([404, 409].includes(answer.status)) return undefined;
      if (!answer.ok) throw new Error(`${method} ${path} is answered with ${answer.status}: ${text.slice(0, 200)}`);
      return text ? JSON.parse(text) : undefined;
    },
  };
}
