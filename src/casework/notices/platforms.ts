import type { Language } from "./letters.js";

/** How a platform's report form calls what it asks for. */
interface Names {
  /** Where the public sees it. */
  page: string;
  /** Who put it there. */
  uploader: string;
}

export interface Platform {
  /** As it calls itself; null for a platform that we know only by the name in the submission. */
  name: string | null;
  /** How intakes call it, in lower case. */
  alsoKnownAs: string[];
  names: Record<Language, Names>;
}

export const PLATFORMS: Platform[] = [
  {
    name: "YouTube",
    alsoKnownAs: ["youtube", "youtube.com", "yt", "youtu.be"],
    names: {
      en: { page: "Link to the video", uploader: "Channel" },
      sq: { page: "Lidhja e videos", uploader: "Kanali" },
    },
  },
  {
    name: "Facebook",
    alsoKnownAs: ["facebook", "facebook.com", "fb"],
    names: {
      en: { page: "Link to the post, photo or video", uploader: "Profile, page or group" },
      sq: { page: "Lidhja e postimit, fotografisë ose videos", uploader: "Profili, faqja ose grupi" },
    },
  },
  {
    name: "Instagram",
    alsoKnownAs: ["instagram", "instagram.com", "ig"],
    names: {
      en: { page: "Link to the post, reel or story", uploader: "Account" },
      sq: { page: "Lidhja e postimit, e reel-it ose e story-t", uploader: "Llogaria" },
    },
  },
  {
    name: "TikTok",
    alsoKnownAs: ["tiktok", "tiktok.com"],
    names: {
      en: { page: "Link to the video", uploader: "Account" },
      sq: { page: "Lidhja e videos", uploader: "Llogaria" },
    },
  },
  {
    name: "X",
    alsoKnownAs: ["x", "x.com", "twitter", "twitter.com"],
    names: {
      en: { page: "Link to the post", uploader: "Account (@name)" },
      sq: { page: "Lidhja e postimit", uploader: "Llogaria (@emri)" },
    },
  },
  {
    name: "Telegram",
    alsoKnownAs: ["telegram", "telegram.org", "t.me", "tg"],
    names: {
      en: { page: "Link to the message (t.me/…)", uploader: "Channel, group or bot" },
      sq: { page: "Lidhja e mesazhit (t.me/…)", uploader: "Kanali, grupi ose boti" },
    },
  },
];

const ANY_PLATFORM: Platform = {
  name: null,
  alsoKnownAs: [],
  names: {
    en: { page: "Page", uploader: "Uploaded by" },
    sq: { page: "Faqja", uploader: "Ngarkuar nga" },
  },
};

/** The platform that a submission names; one that fits any for others, and for none. */
export const platformOf = (name: string | null): Platform => {
  const asked = (name ?? "")
    .trim()
    .toLowerCase()
    .replace(/^www\./, "");
  return PLATFORMS.find((platform) => platform.alsoKnownAs.includes(asked)) ?? ANY_PLATFORM;
};
