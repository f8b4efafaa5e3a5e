import * as alert from "./texts/alert.js";
import * as alerts from "./texts/alerts.js";
import * as cases from "./texts/cases.js";
import * as common from "./texts/common.js";
import * as people from "./texts/people.js";
import * as system from "./texts/system.js";
import * as takedowns from "./texts/takedowns.js";
import * as webhooks from "./texts/webhooks.js";

export const LANGUAGES = ["en", "sq"] as const;
export type Language = (typeof LANGUAGES)[number];

const en = {
  ...common.en,
  alerts: alerts.en,
  alert: alert.en,
  cases: cases.en,
  takedowns: takedowns.en,
  ...system.en,
  people: people.en,
  webhooks: webhooks.en,
};

/** Every text of every page. An Albanian text that is missing does not compile. */
export type Texts = typeof en;

const sq: Texts = {
  ...common.sq,
  alerts: alerts.sq,
  alert: alert.sq,
  cases: cases.sq,
  takedowns: takedowns.sq,
  ...system.sq,
  people: people.sq,
  webhooks: webhooks.sq,
};

const ALL: Record<Language, Texts> = { en, sq };

export const textsOf = (language: Language): Texts => ALL[language];
