/** The middle value (the mean of the two in the middle); NaN of nothing. */
export function median(values: number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * The exact two-sided interval of a proportion of which `successes` of `trials` were seen. Clopper and Pearson, "The use of confidence or
 * fiducial limits illustrated in the case of the binomial", 1934.
 */
export function clopperPearson(successes: number, trials: number, confidence = 0.95): { low: number; high: number } {
  const tail = (1 - confidence) / 2;
  return {
    low: successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1),
    high: successes === trials ? 1 : betaQuantile(1 - tail, successes + 1, trials - successes),
  };
}

/** The one-sided upper bound of a rate: with none seen it is about 3 / trials at 95 %, the "rule of three". */
export function upperBound(successes: number, trials: number, confidence = 0.95): number {
  if (trials === 0 || successes === trials) return 1;
  return betaQuantile(confidence, successes + 1, trials - successes);
}

function betaQuantile(probability: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (regularisedBeta(middle, a, b) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The incomplete beta function, by Lentz's continued fraction (Numerical Recipes, 6.4). */
function regularisedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x));
  return x < (a + 1) / (a + b + 2) ? (front * fraction(x, a, b)) / a : 1 - (front * fraction(1 - x, b, a)) / b;
}

function fraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1), tiny);
  let result = d;
  for (let m = 1; m <= 500; m++) {
    const evenTerm = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonZero(1 + evenTerm * d, tiny);
    c = nonZero(1 + evenTerm / c, tiny);
    result *= d * c;
    const oddTerm = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonZero(1 + oddTerm * d, tiny);
    c = nonZero(1 + oddTerm / c, tiny);
    const step = d * c;
    result *= step;
    if (Math.abs(step - 1) < 1e-14) break;
  }
  return result;
}

const nonZero = (value: number, tiny: number) => (Math.abs(value) < tiny ? tiny : value);

const LANCZOS = [
  76.1800917294715, -86.5053203294168, 24.0140982408309, -1.23173957245015, 0.00120865097386618, -0.000005395239384953,
];

function logGamma(x: number): number {
  const t = x + 5.5 - (x + 0.5) * Math.log(x + 5.5);
  const sum = LANCZOS.reduce((total, coefficient, i) => total + coefficient / (x + 1 + i), 1.000000000190015);
  return -t + Math.log((Math.sqrt(2 * Math.PI) * sum) / x);
}
