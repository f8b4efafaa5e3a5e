export type Language = "en" | "sq";

/**
 * The words of a notice. It has the elements that Article 16 (2) of Regulation (EU) 2022/2065 (Digital Services Act) asks of one: why the
 * content is illegal, exactly where it is, who says so, and a statement of good faith. What is to be seen is never described.
 */
export interface Letter {
  subject: (caseId: string) => string;
  reminder: (attempt: number, subject: string) => string;
  to: (platform: string) => string;
  toAnybody: string;
  opening: string;
  /** Of a request that was made before. */
  again: (attempt: number, firstAsked: string) => string;
  file: string;
  place: string;
  what: string;
  whatIs: (kind: "image" | "video" | null, caseId: string) => string;
  class: string;
  legalBasis: string;
  seen: string;
  number: string;
  numberIs: (n: number) => string;
  sha256: string;
  reference: string;
  requests: string;
  requested: string[];
  statement: string;
  contact: string;
  noSender: string;
}

export const LETTERS: Record<Language, Letter> = {
  en: {
    subject: (caseId) => `Notice of illegal content and request for removal: case ${caseId}`,
    reminder: (attempt, subject) => `Reminder (request ${attempt}): ${subject}`,
    to: (platform) => `To ${platform}`,
    toAnybody: "To the operator of the service",
    opening: "We give notice of the following content on your service and ask you to remove it.",
    again: (attempt, firstAsked) => `This is request ${attempt}; we first asked on ${firstAsked}.`,
    file: "Address of the file",
    place: "Where in the video",
    what: "What it is",
    whatIs: (kind, caseId) =>
      `A copy of ${kind === "image" ? "an image" : kind === "video" ? "a video" : "material"} that was reported to us before and is known ` +
      `to us in case ${caseId}. It was recognised by its digital fingerprint. We do not describe it and do not attach it.`,
    class: "Class (ICCAM)",
    legalBasis: "Legal basis",
    seen: "Reported to us on",
    number: "Re-upload",
    numberIs: (n) => `This is number ${n} of the same material.`,
    sha256: "SHA-256 of the file",
    reference: "Our reference",
    requests: "We ask you to",
    requested: [
      "remove the content, or disable access to it, without delay;",
      "keep what an investigation will need, and give it to the competent authorities when they ask for it;",
      "keep the same file from being uploaded again;",
      "tell us what you decided, quoting our reference.",
    ],
    statement: "We believe in good faith that the information and allegations in this notice are accurate and complete.",
    contact: "Contact",
    noSender: "[name and e-mail address]",
  },
  sq: {
    subject: (caseId) => `Njoftim për përmbajtje të paligjshme dhe kërkesë për heqje: rasti ${caseId}`,
    reminder: (attempt, subject) => `Kujtesë (kërkesa ${attempt}): ${subject}`,
    to: (platform) => `Për ${platform}`,
    toAnybody: "Për operatorin e shërbimit",
    opening: "Ju njoftojmë për përmbajtjen e mëposhtme në shërbimin tuaj dhe kërkojmë heqjen e saj.",
    again: (attempt, firstAsked) => `Kjo është kërkesa ${attempt}; kërkesën e parë e bëmë më ${firstAsked}.`,
    file: "Adresa e skedarit",
    place: "Vendi në video",
    what: "Çfarë është",
    whatIs: (kind, caseId) =>
      `Kopje e ${kind === "image" ? "një imazhi" : kind === "video" ? "një videoje" : "një materiali"} që na është raportuar më parë dhe që ` +
      `e njohim nga rasti ${caseId}. Është njohur përmes gjurmës digjitale. Nuk e përshkruajmë dhe nuk e bashkëngjisim.`,
    class: "Klasa (ICCAM)",
    legalBasis: "Baza ligjore",
    seen: "Na është raportuar më",
    number: "Ringarkimi",
    numberIs: (n) => `Ky është ringarkimi numër ${n} i të njëjtit material.`,
    sha256: "SHA-256 i skedarit",
    reference: "Referenca jonë",
    requests: "Ju kërkojmë",
    requested: [
      "të hiqni përmbajtjen ose të bllokoni qasjen në të, pa vonesë;",
      "të ruani të dhënat që do të nevojiten për hetim dhe t'ua jepni autoriteteve kompetente kur t'i kërkojnë;",
      "të parandaloni që i njëjti skedar të ngarkohet përsëri;",
      "të na njoftoni për vendimin tuaj, duke cituar referencën tonë.",
    ],
    statement: "Deklarojmë me mirëbesim se informacionet dhe pretendimet në këtë njoftim janë të sakta dhe të plota.",
    contact: "Kontakti",
    noSender: "[emri dhe adresa e postës elektronike]",
  },
};
