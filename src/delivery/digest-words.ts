/** The words of the daily mail. Numbers and dates come as the reader writes them. */
export interface DigestWords {
  locale: string;
  subject(fresh: string, open: string): string;
  heading(day: string): string;
  since(from: string, zone: string): string;
  newAlerts: string;
  kinds: Record<string, string>;
  openAlerts: string;
  oldest(when: string): string;
  overdue: string;
  expired: string;
  removed: string;
  platforms: string;
  unknownPlatform: string;
  onPlatform(alerts: string, overdue: string): string;
  cases: string;
  inCase(fresh: string, number: string): string;
  moreCases(n: string): string;
  open: string;
  why: string;
}

export const en: DigestWords = {
  locale: "en-GB",
  subject: (fresh, open) => `Re-uploads: ${fresh} new, ${open} open`,
  heading: (day) => `Daily summary, ${day}`,
  since: (from, zone) => `Counted since ${from} (${zone}).`,
  newAlerts: "New alerts",
  kinds: { match: "matches", review: "to review", unscannable: "not readable", "look-back": "found by looking back" },
  openAlerts: "Open alerts",
  oldest: (when) => `the oldest since ${when}`,
  overdue: "Takedowns past their deadline",
  expired: "Takedowns whose attempts are used up: they need a person",
  removed: "Reported removed",
  platforms: "Platforms",
  unknownPlatform: "platform not given",
  onPlatform: (alerts, overdue) => `new alerts: ${alerts}; takedowns overdue: ${overdue}`,
  cases: "Cases with new re-uploads",
  inCase: (fresh, number) => `new: ${fresh}; the latest is no. ${number}`,
  moreCases: (n) => `and ${n} more`,
  open: "Open the alerts",
  why: "This mail holds only numbers and case ids. It is sent once a day when there is something to say.",
};

export const sq: DigestWords = {
  locale: "sq",
  subject: (fresh, open) => `Ringarkime: ${fresh} të reja, ${open} të hapura`,
  heading: (day) => `Përmbledhja e ditës, ${day}`,
  since: (from, zone) => `Numëruar që nga ${from} (${zone}).`,
  newAlerts: "Sinjalizime të reja",
  kinds: {
    match: "përputhje",
    review: "për shqyrtim",
    unscannable: "të palexueshme",
    "look-back": "të gjetura duke kontrolluar pas në kohë",
  },
  openAlerts: "Sinjalizime të hapura",
  oldest: (when) => `më i vjetri që nga ${when}`,
  overdue: "Heqje të vonuara",
  expired: "Heqje me përpjekje të mbaruara: kërkojnë një person",
  removed: "Të raportuara si të hequra",
  platforms: "Platformat",
  unknownPlatform: "platformë e padhënë",
  onPlatform: (alerts, overdue) => `sinjalizime të reja: ${alerts}; heqje të vonuara: ${overdue}`,
  cases: "Raste me ringarkime të reja",
  inCase: (fresh, number) => `të reja: ${fresh}; i fundit është nr. ${number}`,
  moreCases: (n) => `dhe ${n} të tjera`,
  open: "Hapni sinjalizimet",
  why: "Ky mesazh përmban vetëm numra dhe identifikues rastesh. Dërgohet një herë në ditë, kur ka diçka për të thënë.",
};
