import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { KNOWN_IMAGE } from "../../../src/cli/demo-media.js";
import { ALGORITHM } from "../../../src/fingerprint/fingerprint-frame.js";
import { mediaServer, PATIENCE, send } from "../../stories/support.js";
import { type Seeded, seed } from "./seed.js";
import { type Client, clientOf, openConsole, type TestConsole } from "./support.js";

let site: TestConsole;
let seeded: Seeded;
let media: Awaited<ReturnType<typeof mediaServer>>;
let [ana, besa, chris, vera] = [] as unknown as Client[];

beforeAll(async () => {
  media = await mediaServer((_path, _nth, response) => send(response, KNOWN_IMAGE));
  site = await openConsole({ variables: { CONSOLE_PREVIEW: "tiles", CONSOLE_TIME_ZONE: "Europe/Tirane" } });
  await site.addPerson("Ana", "admin");
  await site.addPerson("Besa", "caseworker", "sq");
  await site.addPerson("Chris", "caseworker");
  await site.addPerson("Vera", "viewer");
  seeded = await seed(site.database.pool);
  [ana, besa, chris, vera] = await Promise.all(["Ana", "Besa", "Chris", "Vera"].map((name) => clientOf(site, name)));
});
afterAll(async () => {
  await site?.close();
  await media?.close();
});

const one = async <T extends object>(sql: string, values: unknown[] = []): Promise<T> =>
  (await site.database.pool.query<T>(sql, values)).rows[0];
const stateOf = async (id: string) => (await one<{ state: string }>("select state from alert where id = $1", [id])).state;
const actsOn = async (subject: string) =>
  (
    await site.database.pool.query<{ act: string }>("select act from audit_log where subject = $1 order by number", [subject])
  ).rows.map(({ act }) => act);

describe("an alert", () => {
  test("says which case, how sure, how often, and what was changed; reading it is in the audit log", async () => {
    const { html, status } = await ana.get(`/alerts/${seeded.alerts.mirrored}`);
    expect(status).toBe(200);
    for (const text of ["Known material of case C-17", "Almost certain", "96.7%", "no. 7", "mirrored", "at 1.25 times the speed"])
      expect(html).toContain(text);
    expect(html).toContain("41 whole pictures agree; they differ in 17 of 256 bits");
    expect(await actsOn(`alert:${seeded.alerts.mirrored}`)).toContain("alert read");
  });

  test("says the same in Albanian", async () => {
    const { html } = await besa.get(`/alerts/${seeded.alerts.mirrored}`);
    for (const text of [
      "Material i njohur i rastit C-17",
      "Pothuajse e sigurt",
      "96,7%",
      "nr. 7",
      "i pasqyruar",
      "me shpejtësi 1,25 herë",
    ])
      expect(html).toContain(text);
    expect(html).toContain("41 pamje të plota përputhen; ndryshojnë në 17 nga 256 bite");
    expect(html).toContain("Europe/Tirane");
  });

  test("what cannot be confirmed is refused with a reason in the reader's language, and nothing else happens", async () => {
    const { html, status } = await besa.post("/alerts/act", { id: seeded.alerts.unscannable, act: "confirm" });
    expect(status).toBe(409);
    expect(html).toContain("në të nuk u gjet material i njohur");
    expect(await stateOf(seeded.alerts.unscannable)).toBe("open");
    expect((await besa.get(`/alerts/${seeded.alerts.unscannable}`)).html).not.toContain('value="confirm"');
  });

  test("a quick reason is kept in English and shown in each reader's language; only who decided may undo", async () => {
    const id = seeded.alerts.review;
    const { html } = await besa.post("/alerts/act", { id, dismiss: "innocent", back: `/alerts/${id}` });
    expect(html).toContain("Pjesë e përbashkët e padëmshme");
    expect((await chris.get(`/alerts/${id}`)).html).toContain("Harmless part in common");
    const refused = await chris.post("/alerts/act", { id, act: "undo" });
    expect(refused.status).toBe(409);
    expect(refused.html).toContain("was dismissed by Besa: only they or an admin can undo that");
    const undo = /value="undo"/;
    expect(html).toMatch(undo);
    expect((await chris.get(`/alerts/${id}`)).html).not.toMatch(undo);
    expect((await ana.get(`/alerts/${id}`)).html).toMatch(undo);
    expect((await besa.post("/alerts/act", { id, act: "undo" })).status).toBe(200);
    expect(await stateOf(id)).toBe("open");
  });

  test("an act on one alert can be made for all open ones about the same file, and one by one they are audited", async () => {
    const { rows } = await site.database.pool.query<{ id: string }>(
      `select a.id from alert a join submission s on s.id = a.submission_id
       where s.media_sha256 = (select media_sha256 from submission group by 1 having count(*) = 5)`,
    );
    const ids = rows.map(({ id }) => id);
    expect(ids).toHaveLength(5);
    expect((await ana.get(`/alerts?same=${ids[0]}`)).html.match(/data-row/g)).toHaveLength(5);
    const { html } = await chris.post("/alerts/act", { id: ids[0], act: "confirm", identical: "1" });
    expect(html).toContain("5 alerts confirmed");
    for (const id of ids) {
      expect(await stateOf(id)).toBe("confirmed");
      expect(await actsOn(`alert:${id}`)).toContain("alert confirmed");
    }
  });

  test("what is missing or wrong in a form is named, and nothing is done", async () => {
    const id = seeded.alerts.inset;
    expect((await ana.post("/alerts/act", { id, act: "escalate" })).html).toContain("escalateReason must not be empty");
    expect((await ana.post("/alerts/act", { id, act: "explode" })).html).toContain("act is no act we know");
    expect((await ana.post("/alerts/act", { id: "x", act: "confirm" })).html).toContain("id.0 must be an id");
    expect((await ana.post("/alerts/act", { act: "confirm" })).html).toContain("Nothing was selected.");
    expect((await ana.get("/alerts?order=upwards")).html).toContain("order must be newest, strongest, repeated");
    expect((await ana.get("/alerts?after=rubbish")).status).toBe(422);
    expect(await stateOf(id)).toBe("open");
  });

  test("a form from elsewhere, or without the session's token, does nothing", async () => {
    const id = seeded.alerts.inset;
    expect((await ana.post("/alerts/act", { id, act: "confirm", _csrf: "guess" })).status).toBe(403);
    expect(await stateOf(id)).toBe("open");
  });

  test("`back` leads to our own pages only", async () => {
    for (const back of ["https://evil.example/", "//evil.example/", "/\\evil.example"]) {
      const { url } = await ana.post("/alerts/act", { id: seeded.alerts.inset, act: "note", text: "seen", back });
      expect(url).toMatch(/^\/alerts\?/);
    }
  });
});

describe("a case", () => {
  test("is made, changed, closed, reopened, merged", async () => {
    const fields = { title: "From a list", class: "national", legalBasis: "Article 9", retainUntil: "2099-12-31" };
    expect((await chris.post("/cases", { id: "C-90", ...fields })).html).toContain("The case was created.");
    expect((await chris.post("/cases", { id: "C-90", ...fields })).html).toContain("there is a case C-90 already");
    expect((await chris.post("/cases", { id: "C-91", ...fields, retainUntil: "2001-01-01" })).html).toContain("retainUntil");
    const changed = await chris.post("/cases/C-90/edit", { ...fields, title: "<b>Bold</b>", retainUntil: "" });
    expect(changed.html).toContain("&lt;b&gt;Bold&lt;/b&gt;");
    expect(changed.html).not.toContain("<b>Bold");
    expect((await chris.post("/cases/C-90/close", {})).html).toContain("The case is closed.");
    expect((await chris.get("/cases?state=closed")).html).toContain("Case C-90");
    expect((await chris.post("/cases/C-90/reopen", {})).html).toContain("The case is open again.");
    expect((await chris.post("/cases/C-90/merge", { into: "C-18" })).url).toContain("/cases/C-18");
    expect((await chris.get("/cases/C-90")).html).toContain("This case was merged into case C-18.");
    expect(await actsOn("case:C-90")).toEqual(
      expect.arrayContaining(["case created", "case changed", "case closed", "case merged away"]),
    );
  });

  test("shows how often its material came back, as a chart with words for those who do not see it", async () => {
    const { html } = await vera.get("/cases/C-17");
    expect(html).toMatch(/8 uploads|7 uploads/);
    expect(html).toMatch(/<svg class="reuploads"[^>]*aria-label="A line that rises with every re-upload: \d uploads/);
  });

  test("gives its evidence as JSON and PDF, and says in the audit log who took it", async () => {
    const json = await chris.post("/cases/C-17/evidence.json", {});
    expect(json.headers.get("content-disposition")).toBe('attachment; filename="case-C-17.json"');
    expect(JSON.parse(json.html)).toMatchObject({ caseId: "C-17", madeBy: "person:Chris" });
    const pdf = await chris.post("/cases/C-17/evidence.pdf", {});
    expect(pdf.headers.get("content-type")).toBe("application/pdf");
    expect(pdf.html.slice(0, 5)).toBe("%PDF-");
    expect(await actsOn("case:C-17")).toContain("evidence pack made");
    expect((await chris.post("/cases/nothing/evidence.json", {})).status).toBe(422);
  });

  test("is erased by an admin who types its number, and by nobody else", async () => {
    await chris.post("/cases", { id: "C-erase", title: "", class: "other", legalBasis: "", retainUntil: "" });
    const typed = { confirm: "C-erase", reason: "asked for" };
    expect((await chris.post("/cases/C-erase/erase", typed)).status).toBe(403);
    expect((await ana.post("/cases/C-erase/erase", { ...typed, confirm: "C-eras" })).status).toBe(422);
    expect((await ana.get("/cases/C-erase")).status).toBe(200);
    expect((await ana.post("/cases/C-erase/erase", typed)).html).toContain("The receipt is in the audit log.");
    expect((await ana.get("/cases/C-erase")).status).toBe(404);
  });
});

test("known material is described, retired, and says so; never shown", async () => {
  const path = `/references/${seeded.references[1].id}`;
  const fields = { label: "playground, long version", class: "baseline", legalBasis: "", retainUntil: "" };
  expect((await chris.post(`${path}/edit`, fields)).html).toContain("playground, long version");
  const { html } = await chris.post(`${path}/retire`, {});
  expect(html).toContain("it recognises nothing any more");
  expect(await actsOn(`reference:${seeded.references[1].id}`)).toEqual(
    expect.arrayContaining(["reference changed", "reference retired"]),
  );
});

test("a takedown's result is reported by hand, an impossible one refused; it can be asked for again; its letter is in both languages", async () => {
  const { id } = await one<{ id: string }>("select id from takedown where case_id = 'C-17' order by created_at desc limit 1");
  const { html } = await chris.get(`/takedowns/${id}`);
  expect(html).toMatch(/lang="en" id="letter-en"[^>]*>[^<]*C-17/);
  expect(html).toMatch(/lang="sq" id="letter-sq"[^>]*>[^<]*C-17/);
  expect((await chris.post(`/takedowns/${id}/report`, { state: "rejected", detail: "no reason given" })).html).toContain(
    "no reason given",
  );
  expect((await chris.post(`/takedowns/${id}/report`, { state: "sent" })).status).toBe(422);
  expect((await chris.post(`/takedowns/${id}/requeue`, {})).html).toContain("attempt 2");
  expect(await actsOn(`takedown:${id}`)).toEqual(expect.arrayContaining(["takedown read", "takedown reported"]));
});

test("an uploader has a page, whatever is in the name", async () => {
  expect((await vera.get("/uploaders/videosite/profile-1")).html).toContain("Uploader profile-1");
  expect((await vera.get("/uploaders/videosite/nobody%2Fhere")).status).toBe(404);
});

describe("the search", () => {
  test("finds by SHA-256, by a PDQ hash near a known picture, by submission and by case", async () => {
    const { sha256 } = await one<{ sha256: string }>(
      "select encode(sha256, 'hex') as sha256 from reference where case_id = 'C-17' limit 1",
    );
    expect((await vera.get(`/search?q=${sha256}`)).html).toContain("The same file is known material");
    // The seed's hashes are of another algorithm than the program's; one of the program's is put beside them.
    const pdq = `${"f".repeat(60)}0000`;
    await site.database.pool.query(
      `insert into reference_fingerprint (reference_id, algorithm, variant, at_ms, until_ms, quality, pdq)
       values ($1, $2, 'full', 0, 0, 100, ('x' || $3)::bit(256))`,
      [seeded.references[0].id, ALGORITHM, pdq],
    );
    const near = `${pdq.slice(0, 63)}7`;
    expect((await vera.get(`/search?q=${near}`)).html).toContain("a picture at a distance of 3 of 256 bits");
    expect((await vera.get("/search?q=intake-1")).html).toContain("Submission intake-1");
    expect((await vera.get("/search?q=C-18")).html).toContain('href="/cases/C-18"');
    expect((await vera.get("/search?q=unheard-of")).html).toContain("Nothing is known by this.");
  });

  test("what was searched for does not stand in the audit log", async () => {
    const { rows } = await site.database.pool.query("select detail from audit_log where act = 'searched'");
    expect(rows.length).toBeGreaterThan(3);
    expect(rows.every(({ detail }) => Object.keys(detail).length === 0)).toBe(true);
  });
});

test("a parked job is shown with its reason, tried again, or dropped", async () => {
  const park = async (id: string, url: string) =>
    one<{ id: string }>(
      `insert into parked_job (queue, job_id, submission_id, field, reason, payload)
       values ('submissions', $1, $1, 'media.url', 'media.url: the server refused it', $2) returning id`,
      [id, JSON.stringify({ version: 1, submissionId: id, media: { url } })],
    );
  const [first, second] = [
    await park("parked-a", "https://media.example/a.mp4"),
    await park("parked-b", "https://media.example/b.mp4"),
  ];
  const { html } = await chris.get("/system");
  expect(html).toContain("the server refused it");
  expect(html).not.toContain("media.example");
  expect((await chris.post("/system/parked/retry", { id: first.id })).html).toContain("Sent back to the queue.");
  const waiting = await site.app.queues.queue("submissions").getJobs();
  expect(waiting.map((job) => job.data)).toMatchObject([{ submissionId: "parked-a" }]);
  expect((await chris.post("/system/parked/drop", { id: second.id })).html).toContain("Removed from the parked jobs.");
  expect((await chris.post("/system/parked/drop", { id: second.id })).status).toBe(422);
});

describe("sparing people", () => {
  test("a preview is coarse, without colour, logged before it is fetched, and kept nowhere", async () => {
    const id = seeded.alerts.image;
    await site.database.pool.query(
      "update submission set media_url = $2 where id = (select submission_id from alert where id = $1)",
      [id, `${media.url}/picture.jpg`],
    );
    expect((await ana.get(`/alerts/${id}`)).html).not.toContain("<img");
    const { html } = await ana.post(`/alerts/${id}/preview`, {});
    const [, base64] = /src="data:image\/png;base64,([^"]+)"/.exec(html) ?? [];
    const { channels } = await sharp(Buffer.from(base64, "base64")).stats();
    const { width, height } = await sharp(Buffer.from(base64, "base64")).metadata();
    expect({ width, height, colours: channels.length }).toEqual({ width: 96, height: 96, colours: 1 });
    expect(await actsOn(`alert:${id}`)).toContain("preview shown");
    expect((await vera.post(`/alerts/${id}/preview`, {})).status).toBe(403);
  });

  test("media that is gone is said to be gone", async () => {
    const id = seeded.alerts.match;
    await site.database.pool.query(
      "update submission set media_url = 'http://127.0.0.1:9/x.mp4' where id = (select submission_id from alert where id = $1)",
      [id],
    );
    expect((await ana.post(`/alerts/${id}/preview`, {})).html).toContain("It may be gone already.");
  });

  test("what one handled today is counted; after 25 a break is suggested, until one turns that off", async () => {
    const handle = (count: number) =>
      site.database.pool.query(
        `with upload as (
           insert into submission (id, content_sha256, content) select 'handled-' || gen_random_uuid(), sha256(''), '{}'
           from generate_series(1, $1) returning id
         ), judged as (
           insert into verdict (id, submission_id, origin, kind, reasons, policy_version, tool_version)
           select gen_random_uuid(), id, 'scan', 'unscannable', '{}', (select min(version) from policy), '0' from upload
           returning id, submission_id
         )
         insert into alert (id, verdict_id, submission_id, kind, state, decided_at, decided_by)
         select gen_random_uuid(), id, submission_id, 'unscannable', 'dismissed', now(), 'person:Chris' from judged`,
        [count],
      );
    const { today } = await one<{ today: number }>("select count(*)::int as today from alert where decided_by = 'person:Chris'");
    await handle(24 - today);
    const before = (await chris.get("/alerts")).html;
    expect(before).toContain("Handled today: 24");
    expect(before).not.toContain("without a pause");
    await handle(1);
    expect((await chris.get("/alerts")).html).toContain("You have handled 25 alerts without a pause.");
    expect((await ana.get("/alerts")).html).not.toContain("without a pause");
    await chris.post("/preferences", { only: "breaks" });
    expect((await chris.get("/alerts")).html).not.toContain("without a pause");
    const wanted = await chris.get("/preferences");
    expect(wanted.html).toMatch(/name="shortcuts" value="1" checked/);
    expect(wanted.html).not.toMatch(/name="breaks" value="1" checked/);
  });
});

test("keys can be turned off, and then no page listens to them", async () => {
  expect((await besa.get("/alerts")).html).toContain("data-shortcuts");
  await besa.post("/preferences", { breaks: "1" });
  expect((await besa.get("/alerts")).html).not.toContain("data-shortcuts");
});

test("who is not signed in is led to the sign-in page, and watches nothing", async () => {
  for (const path of ["/alerts", `/alerts/${seeded.alerts.match}`, "/cases", "/system", "/search", "/preferences"]) {
    const response = await fetch(new URL(path, site.address), { redirect: "manual", headers: { accept: "text/html" } });
    expect(response.headers.get("location"), path).toBe(`/sign-in?next=${encodeURIComponent(path)}`);
  }
  expect((await fetch(new URL("/events", site.address))).status).toBe(401);
});

test("pages that watch are told when anything about an alert changes, with numbers only", async () => {
  const { html } = await vera.get("/alerts");
  expect(html).toContain("data-mark=");
  const session = await site.server.inject({
    method: "POST",
    url: "/sign-in",
    payload: "name=Vera&password=correct+horse+battery+staple",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  const cookie = session.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const stop = new AbortController();
  const response = await fetch(new URL("/events", site.address), { headers: { cookie }, signal: stop.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  let heard = "";
  const listening = (async () => {
    for await (const chunk of response.body!) heard += Buffer.from(chunk).toString();
  })().catch(() => {});
  await vi.waitFor(() => expect(heard).toContain("event: alerts"), PATIENCE);
  const before = heard.length;
  await ana.post("/alerts/act", { id: seeded.alerts.inset, act: "note", text: "telephoned" });
  await vi.waitFor(() => expect(heard.slice(before)).toMatch(/event: alerts\ndata: \{"open":"\d+","mark":"[\d-]+"\}/), PATIENCE);
  expect(heard).not.toContain("telephoned");
  stop.abort();
  await listening;
});

test("nothing went wrong behind the pages", () => {
  expect(site.logged).toEqual([]);
});
