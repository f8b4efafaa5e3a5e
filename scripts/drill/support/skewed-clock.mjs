/** Preloaded into a process, it moves its wall clock by DRILL_SKEW_MS; what measures spans of time stays as it is. */
const skewMs = Number(process.env.DRILL_SKEW_MS ?? 0);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + skewMs);
    else super(...given);
  }
  static now() {
    return RealDate.now() + skewMs;
  }
};
