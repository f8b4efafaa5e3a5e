import { type BadInput, either, grouped, type Rows, unscannable } from "./bad-media.js";
import { clip, type Kitchen } from "./bad-media-kitchen.js";

const LIST = /list of other files|web page|not a known image or video|SVG drawing|of type \w+/;

/** Text that names the clip, which is known, or the trap, which counts who comes. */
type Text = (to: string, frame: string) => string;

const hls: Text = (to) => `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${to}\n#EXT-X-ENDLIST\n`;
const mpd: Text = (to) =>
  `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${to}</BaseURL></Representation></AdaptationSet></Period></MPD>`;
const svg = (reference: string) =>
  `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "${reference}">]><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="400" height="300"><image xlink:href="${reference}" width="400" height="300"/><text y="50">&x;</text></svg>`;

/** Every kind of file that ffmpeg, a browser or a player would follow to another one. */
const TEXTS: Record<string, Text> = {
  m3u8: hls,
  "m3u8 after a byte order mark": (to, frame) => `\ufeff${hls(to, frame)}`,
  "m3u8 after blank lines": (to, frame) => `\n\n  ${hls(to, frame)}`,
  "m3u8 with a key": (to) => `#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="${to}"\n#EXTINF:5,\n${to}\n#EXT-X-ENDLIST\n`,
  "m3u8 with a map": (to) => `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-MAP:URI="${to}"\n#EXTINF:5,\n${to}\n#EXT-X-ENDLIST\n`,
  "m3u8 of m3u8": (to) => `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${to}\n`,
  ffconcat: (to) => `ffconcat version 1.0\nfile '${to}'\n`,
  "concat script": (to) => `file '${to}'\nduration 3\n`,
  "concat with options": (to) => `ffconcat version 1.0\nfile '${to}'\noption protocol_whitelist file,http,tcp\noption safe 0\n`,
  "dash mpd": mpd,
  "dash mpd after a comment": (to, frame) => `<!-- x -->${mpd(to, frame)}`,
  ffmetadata: (to) => `;FFMETADATA1\ntitle=${to}\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=9\n`,
  sdp: (to) =>
    `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=${to}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
  "rtsp text": (to) => `RTSPtextRTSP://${to.replace(/^\w+:\/\//, "")}\n`,
  "rtsp redirect": (to) => `[Reference]\nRef1=${to}\n`,
  asx: (to) => `<asx version="3.0"><entry><ref href="${to}"/></entry></asx>`,
  pls: (to) => `[playlist]\nNumberOfEntries=1\nFile1=${to}\n`,
  xspf: (to) =>
    `<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track><location>${to}</location></track></trackList></playlist>`,
  smil: (to) => `<smil><body><video src="${to}"/></body></smil>`,
  "imf cpl": (to) =>
    `<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016"><Id>${to}</Id></CompositionPlaylist>`,
  "vobsub idx": (to) => `# VobSub index file, v7 (do not modify this line!)\n# ${to}\nsize: 320x240\n`,
  mpsub: (to) => `TITLE=${to}\nFORMAT=25\n`,
  webvtt: (to) => `WEBVTT\n\n00:00.000 --> 00:05.000\n<img src="${to}">\n`,
  srt: (to) => `1\n00:00:00,000 --> 00:00:02,000\n${to}\n`,
  ass: (to) => `[Script Info]\nTitle: ${to}\n[Events]\nDialogue: 0,0:00:00.00,0:00:05.00,Default,,0,0,0,,x\n`,
  avisynth: (to) => `DirectShowSource("${to}")\n`,
  "image2 pattern": (_, frame) => frame,
  "url file": (to) => `[InternetShortcut]\nURL=${to}\n`,
  "html page": (to) => `<!doctype html><video src="${to}" autoplay></video>`,
  svg: (to) => svg(to),
  "svg in capitals": (to) => svg(to).replaceAll("svg", "SVG"),
  "svg after 2 kB of comments": (to) => svg(to).replace("<svg", `<!--${"x".repeat(2000)}--><svg`),
  "svg after 10 kB of comments": (to) => svg(to).replace("<svg", `<!--${"x".repeat(10_000)}--><svg`),
  "svg with a style sheet": (to) => `<?xml-stylesheet href="${to}"?>${svg(to).slice(21)}`,
  mvg: (to) => `push graphic-context\nviewbox 0 0 640 480\nfill 'url(${to})'\npop graphic-context\n`,
  "xml that grows a billion times": () => bomb(),
  postscript: (to) => `%!PS-Adobe-3.0\n(${to}) (r) file runpdfbegin\nshowpage\n`,
};

/** Names that a program which goes by the ending would believe. */
const ENDINGS: Record<string, string> = {
  m3u8: "m3u8",
  ffconcat: "ffconcat",
  "dash mpd": "mpd",
  sdp: "sdp",
  svg: "svg",
  "vobsub idx": "idx",
};

export const lists = (): BadInput[] =>
  Object.entries(TEXTS).flatMap(([name, text]) =>
    grouped("lists of other files", [
      [`${name} to a file`, expected(name), (kitchen) => toFile(kitchen, name, text)],
      [
        `${name} to an address`,
        expected(name),
        (kitchen) =>
          kitchen.write(fileName(name, "url"), text(`${kitchen.trapUrl}${encodeURIComponent(name)}.mp4`, "frame-%03d.jpg")),
      ],
    ] satisfies Rows),
  );

/** HTML and such may pass for nothing at all; no list may pass for a picture. */
const expected = (name: string) => (name === "sdp" ? either : unscannable(LIST));

async function toFile(kitchen: Kitchen, name: string, text: Text): Promise<string> {
  const path = await clip(kitchen);
  return kitchen.write(fileName(name, "file"), text(path, path.replace("clip.mp4", "%s.mp4")));
}

const fileName = (name: string, to: string) => `lists/${name.replace(/\W+/g, "-")}-${to}.${ENDINGS[name] ?? "mp4"}`;

/** "Billion laughs": entities of entities. */
function bomb(): string {
  const entities = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("");
  return `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY l0 "lol">${entities}]><svg xmlns="http://www.w3.org/2000/svg"><text>&l9;</text></svg>`;
}
