import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LETTERS } from "../../src/casework/notices/letters.js";
import { PLATFORMS, platformOf } from "../../src/casework/notices/platforms.js";
import { type NoticeAbout, notice, noticeFor } from "../../src/casework/notices.js";
import { type TestDatabase, testDatabase } from "../support/database.js";
import { matchOn, register, upload } from "./recorded.js";

const about: NoticeAbout = {
  id: "0f0f0f0f-0000-4000-8000-000000000001",
  caseId: "C-17",
  platform: "youtube",
  pageUrl: "https://youtube.example/watch?v=1",
  mediaUrl: "https://cdn.example/1.mp4",
  uploader: { id: "channel-9", url: "https://youtube.example/@channel-9" },
  attempt: 1,
  reuploadNumber: 17,
  createdAt: new Date("2026-11-20T10:00:00Z"),
  reportedAt: new Date("2026-11-19T23:30:00Z"),
  evidence: {
    sha256: "ab".repeat(32),
    spans: [{ submissionFromMs: 0, submissionToMs: 61_000, referenceFromMs: 0, referenceToMs: 61_000 }],
  },
  kind: "video",
  class: "baseline",
  legalBasis: "Neni 232",
  sender: "Linja e raportimit, raporto@linja.example",
};

describe("a letter", () => {
  test("in English has what a form asks for, and never what is to be seen", () => {
    expect(notice(about, "en")).toEqual({
      subject: "Notice of illegal content and request for removal: case C-17",
      text: `To YouTube

We give notice of the following content on your service and ask you to remove it.

Link to the video: https://youtube.example/watch?v=1
Address of the file: https://cdn.example/1.mp4
Channel: channel-9, https://youtube.example/@channel-9
Where in the video: 0:00-1:01
What it is: A copy of a video that was reported to us before and is known to us in case C-17. It was recognised by its digital fingerprint. We do not describe it and do not attach it.
Class (ICCAM): baseline
Legal basis: Neni 232
Reported to us on: 2026-11-19
Re-upload: This is number 17 of the same material.
SHA-256 of the file: ${"ab".repeat(32)}
Our reference: C-17, 0f0f0f0f-0000-4000-8000-000000000001

We ask you to:
1. remove the content, or disable access to it, without delay;
2. keep what an investigation will need, and give it to the competent authorities when they ask for it;
3. keep the same file from being uploaded again;
4. tell us what you decided, quoting our reference.

We believe in good faith that the information and allegations in this notice are accurate and complete.

Contact: Linja e raportimit, raporto@linja.example
`,
    });
  });

  test("in Albanian says the same in as many lines, with no English word left in it", () => {
    const { subject, text } = notice(about, "sq");
    expect(subject).toBe("Njoftim për përmbajtje të paligjshme dhe kërkesë për heqje: rasti C-17");
    expect(text.split("\n")).toHaveLength(notice(about, "en").text.split("\n").length);
    for (const said of ["Për YouTube", "Kanali: channel-9", "Kopje e një videoje", "Ky është ringarkimi numër 17", "mirëbesim"])
      expect(text).toContain(said);
    expect(text).not.toMatch(/\b(the|and|content|copy|we)\b/);
  });

  test("of a later request is a reminder that says when it was first asked", () => {
    const { subject, text } = notice({ ...about, attempt: 3 }, "en");
    expect(subject).toMatch(/^Reminder \(request 3\): Notice/);
    expect(text).toContain("This is request 3; we first asked on 2026-11-20.");
    expect(notice({ ...about, attempt: 3 }, "sq").text).toContain("kërkesën e parë e bëmë më 2026-11-20");
  });

  test("leaves out what is not known, and says where the sender is to be filled in", () => {
    const nothing = { pageUrl: null, mediaUrl: null, uploader: { id: null, url: null }, reportedAt: null, reuploadNumber: 0 };
    const bare = { ...about, ...nothing, platform: null, kind: null, class: "", legalBasis: "", sender: undefined };
    const { text } = notice({ ...bare, evidence: { sha256: null, spans: [] } }, "en");
    expect(text).toContain("To the operator of the service");
    expect(text).toContain("A copy of material that was reported");
    expect(text).toContain("Contact: [name and e-mail address]");
    expect(text).not.toMatch(/^(Page|Uploaded by|Address|Where|Class|Legal|Reported|Re-upload|SHA-256).*:/m);
    expect(text).not.toMatch(/null|undefined/);
  });

  test("lets nothing from outside begin a line of its own", () => {
    const { text, subject } = notice(
      { ...about, pageUrl: "https://x.example/\n\nContact: eve@example", platform: "bad\r\nsite", caseId: "C\n1" },
      "en",
    );
    expect(text).toContain("To bad site");
    expect(text.match(/^Contact:/gm)).toHaveLength(1);
    expect(subject).not.toMatch(/\n/);
  });
});

describe("platforms", () => {
  test.each([
    ["YouTube", "youtu.be"],
    ["X", "Twitter"],
    ["Telegram", " t.me "],
    ["Instagram", "www.instagram.com"],
    ["Facebook", "FB"],
    ["TikTok", "tiktok"],
    [null, "videosite"],
    [null, null],
  ])("%s is known as %s", (name, asked) => {
    expect(platformOf(asked).name).toBe(name);
  });

  test("no name belongs to two, and each has its words in both languages", () => {
    const names = PLATFORMS.flatMap((platform) => platform.alsoKnownAs);
    expect(new Set(names).size).toBe(names.length);
    for (const platform of PLATFORMS)
      for (const language of ["en", "sq"] as const) {
        const { text } = notice({ ...about, platform: platform.alsoKnownAs[0] }, language);
        expect(text).toContain(`${platform.names[language].page}: https://`);
        expect(text).toContain(`${LETTERS[language].to(platform.name!)}\n`);
      }
  });
});

describe("the letter for a takedown", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.close());

  test("is made from what is recorded, and there is none for a takedown that is not there", async () => {
    const { pool } = database;
    const reference = await register(pool, "N-1", 1);
    await pool.query(`update "case" set class = 'national', legal_basis = 'Neni 5' where id = 'N-1'`);
    const { takedownId, submission } = await upload(pool, [matchOn(reference)], { platform: "telegram" });
    const letter = await noticeFor(pool, takedownId!, "en", "hotline@example.org");
    for (const said of [
      "To Telegram",
      `Link to the message (t.me/…): ${submission.pageUrl}`,
      "Class (ICCAM): national",
      "Legal basis: Neni 5",
      "Where in the video: 0:00-0:04",
      "hotline@example.org",
    ])
      expect(letter?.text).toContain(said);
    expect(await noticeFor(pool, "0f0f0f0f-0000-4000-8000-000000000009", "en")).toBeUndefined();
    expect(await noticeFor(pool, "not an id", "en")).toBeUndefined();
  });
});
