/** What of the configuration ends up in rows. */
export interface CaseworkSettings {
  toolVersion: string;
  /** The policy that verdicts are reached by; kept once a version. */
  policy: { version: string };
  retentionDays: number;
  takedownDeadlineHours: number;
  /** How often a takedown is asked for before a person must see to it. */
  takedownAttempts: number;
}
