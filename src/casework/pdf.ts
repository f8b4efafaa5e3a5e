import PDFDocument from "pdfkit";

/** A4 in points of 1/72 inch; two centimetres of margin. */
const MARGIN = 57;
const WIDTH = 595 - 2 * MARGIN;
const BOTTOM = 842 - MARGIN - 34;
/** Where values begin. */
const NAMES = 118;
const INK = "#1b1f24";
const PALE = "#5b6470";
const LINE = "#c9ced6";

/** The characters of Windows-1252 beyond Latin 1: with it, what the fonts that every PDF reader has can show, ë and ç among them. */
const BEYOND_LATIN_1 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";

/** Text as the standard fonts can show it: any other character as its number, so that nothing is lost or looks like something else. */
export const showable = (text: string): string =>
  [...text.normalize("NFC")]
    .map((c) => (/^[\x20-\x7e\xa1-\xac\xae-\xff]$/.test(c) || BEYOND_LATIN_1.includes(c) ? c : `[U+${hexOf(c)}]`))
    .join("");

const hexOf = (character: string) => character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");

/** A calm page: headings, paragraphs, and named values. It breaks pages itself. */
export interface Paper {
  title(text: string): void;
  heading(text: string): void;
  paragraph(text: string): void;
  /** A small heading that stays with the next `lines` lines. */
  item(text: string, lines: number): void;
  field(name: string, value: string): void;
  /** Draws the foot of every page and gives the document. Nothing may be written afterwards. */
  finish(foot: (page: number, pages: number) => string[]): Promise<Buffer>;
}

/** A blank A4 document. `createdAt` is what its properties say, so that the same content gives the same document. */
export function createPaper(about: { title: string; createdAt: Date; language: string }): Paper {
  const doc = new PDFDocument({
    size: "A4",
    margins: { top: MARGIN, bottom: 0, left: MARGIN, right: MARGIN },
    bufferPages: true,
    lang: about.language,
    info: { Title: showable(about.title), Creator: "reupload", Producer: "reupload", CreationDate: about.createdAt },
  });
  const chunks: Buffer[] = [];
  doc.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<Buffer>((resolve, reject) => {
    doc.on("end", () => resolve(Buffer.concat(chunks)));
    doc.on("error", reject);
  });

  const room = (height: number) => {
    if (doc.y + height > BOTTOM) doc.addPage();
  };
  const measured = new Map<string, Map<string, number>>();
  let widths = new Map<string, number>();
  const useFont = (name: "Helvetica" | "Helvetica-Bold", size: number) => {
    doc.font(name).fontSize(size).fillColor(INK);
    widths = measured.get(`${name} ${size}`) ?? new Map();
    measured.set(`${name} ${size}`, widths);
  };
  /** Without kerning, which nearly always brings letters nearer; measured once a letter, because a long pack has millions. */
  const widthOf = (text: string): number => {
    let width = 0;
    for (const letter of text) {
      const known = widths.get(letter) ?? doc.widthOfString(letter);
      widths.set(letter, known);
      width += known;
    }
    return width;
  };
  const write = (text: string, x: number, width: number, gap = 3) => {
    const height = doc.currentLineHeight(true) + gap;
    for (const line of wrapped(showable(text), (part) => widthOf(part) <= width)) {
      room(height);
      doc.text(line, x, doc.y, { lineBreak: false });
      doc.y += height;
    }
  };

  return {
    title(text) {
      useFont("Helvetica-Bold", 20);
      write(text, MARGIN, WIDTH);
      doc.y += 10;
    },
    heading(text) {
      room(70);
      doc.y += 14;
      useFont("Helvetica-Bold", 12.5);
      write(text, MARGIN, WIDTH);
      doc
        .moveTo(MARGIN, doc.y)
        .lineTo(MARGIN + WIDTH, doc.y)
        .lineWidth(0.5)
        .strokeColor(LINE)
        .stroke();
      doc.y += 7;
    },
    paragraph(text) {
      useFont("Helvetica", 9.5);
      write(text, MARGIN, WIDTH);
      doc.y += 4;
    },
    item(text, lines) {
      room(22 + 12 * lines);
      doc.y += 7;
      useFont("Helvetica-Bold", 9.5);
      write(text, MARGIN, WIDTH, 2);
    },
    field(name, value) {
      useFont("Helvetica", 8.5);
      room(doc.currentLineHeight(true) + 2);
      const y = doc.y;
      if (name) doc.fillColor(PALE).text(showable(name), MARGIN, y, { lineBreak: false }).fillColor(INK);
      doc.y = y;
      write(value, MARGIN + NAMES, WIDTH - NAMES, 2);
    },
    finish(foot) {
      const { count } = doc.bufferedPageRange();
      doc.font("Helvetica").fontSize(7.5);
      for (let page = 0; page < count; page++) {
        doc.switchToPage(page);
        doc
          .moveTo(MARGIN, BOTTOM + 12)
          .lineTo(MARGIN + WIDTH, BOTTOM + 12)
          .lineWidth(0.5)
          .strokeColor(LINE)
          .stroke();
        doc.fillColor(PALE);
        for (const [i, line] of foot(page + 1, count).entries())
          doc.text(showable(line), MARGIN, BOTTOM + 18 + 11 * i, { lineBreak: false });
      }
      doc.end();
      return ended;
    },
  };
}

/** Breaks text at spaces, and inside a word only where it alone does not fit. */
export function wrapped(text: string, fits: (part: string) => boolean): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (fits(longer)) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (!fits(line)) {
      const n = longestThatFits(line, fits);
      lines.push(line.slice(0, n));
      line = line.slice(n);
    }
  }
  return [...lines, line];
}

/** At least one character. */
function longestThatFits(word: string, fits: (part: string) => boolean): number {
  let [some, all] = [1, word.length];
  while (all - some > 1) {
    const middle = (some + all) >> 1;
    if (fits(word.slice(0, middle))) some = middle;
    else all = middle;
  }
  return some;
}
