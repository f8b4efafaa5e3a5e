/**
 * Postings in Postgres, and the SQL that goes through them. A row of `reference_posting` holds one posting (`neighbours` are the
 * 32 bits of the two bands after the key's), or up to {@link POSTINGS_A_ROW} packed: then `bits_0` to `bits_15` are the first of those bands turned sideways, so that bit
 * n of `bits_b` is bit b of the nth posting's next band, and a step on 64-bit words is taken for all postings at once.
 */

/** A word's bits. */
export const POSTINGS_A_ROW = 64;

const NEXT_BITS = Array.from({ length: 16 }, (_, bit) => bit);

/** The columns `bits_0` to `bits_15`, and an expression for each. */
export const bitColumns = NEXT_BITS.map((bit) => `bits_${bit}`).join(", ");
export const eachBit = (expression: (bit: number) => string): string => NEXT_BITS.map(expression).join(",\n");

/** The 32 bits of a 256-bit string after band `b`, and band `b` as a key. */
export const neighboursOf = (bits: string): string => `substring(${bits} || ${bits} from 17 + 16 * b for 32)::int`;
export const keyOf = (bits: string): string => `b * 65536 + substring(${bits} from 1 + 16 * b for 16)::int`;

const THREES = [0, 1, 2, 3, 4].map((n) => [3 * n, 3 * n + 1, 3 * n + 2]);

/** Of a probe's next band: words that are all ones where that bit is one, or where an odd number of those bits is. */
const asWord = (...bits: number[]) => `-((${bits.map((bit) => `(next >> ${bit})`).join(" # ")}) & 1)::bigint`;
const wordsOfNext = THREES.map(
  ([a, b, c], n) => `${asWord(a, b)} as ab_${n}, ${asWord(a, c)} as ac_${n}, ${asWord(a, b, c)} as abc_${n}`,
)
  .concat(`${asWord(15)} as a_5`)
  .join(",\n");

/**
 * The 16 words of row `i` in which it differs from probe `p`, taken in threes: whether an odd number of them differs, and whether some but
 * not all do. Each exclusive or is with a word that is made once for the probe.
 */
const inThrees = THREES.map((three, n) => {
  const [a, b, c] = three.map((bit) => `i.bits_${bit}`);
  return `${a} # ${b} # ${c} # p.abc_${n} as odd_${n},
          (${a} # ${b} # p.ab_${n}) | (${a} # ${c} # p.ac_${n}) as some_${n}`;
})
  .concat("i.bits_15 # p.a_5 as odd_5")
  .join(",\n");

/** The upper bits of the sum of three words. */
const carry = (a: string, b: string, c: string) => `(${a} & ${b}) | (${c} & (${a} | ${b}))`;

const [oddA, oddB] = ["(odd_0 # odd_1 # odd_2)", "(odd_3 # odd_4 # odd_5)"];

/**
 * What is worth two: of each three the upper bit of its sum, of which `odd` is the lower; two pairs that the six odd ones make; and the two
 * that may be left of these, or where the key is `near` one of them, as its bit counts too.
 */
const twos = THREES.map((_, n) => `odd_${n} # some_${n} as two_${n}`)
  .concat(
    `${carry("odd_0", "odd_1", "odd_2")} as two_5`,
    `${carry("odd_3", "odd_4", "odd_5")} as two_6`,
    `case when near then ${oddA} | ${oddB} else ${oddA} & ${oddB} end as two_7`,
  )
  .join(",\n");

/** Where more than one of the words is set. Each is named once in every halving: with eight words, 23 steps. */
function moreThanOne(words: string[]): string {
  if (words.length === 1) return "";
  const halves = [words.slice(0, words.length / 2), words.slice(words.length / 2)];
  const across = halves.map((half) => `(${half.join(" | ")})`).join(" & ");
  return [...halves.map(moreThanOne), `(${across})`].filter((part) => part !== "").join(" | ");
}

/** Which postings differ in the next band by more than three bits, or where the key is `near` by more than two. */
const far = moreThanOne(Array.from({ length: 8 }, (_, n) => `two_${n}`));

/**
 * Whether any posting of a row passes, and which do. A row that is not full may let postings pass that are not there: they have no third
 * band, so they end there.
 */
const somePass = `
  case when neighbours is null then (${far}) <> -1
  else bit_count(((neighbours # asked) >> 16)::bit(16)) <= 3 - near::int end`;
const passing = `case when neighbours is null then ~(${far}) else 1 end`;

/** Whether posting `bit` of a row differs in the band after the next by at most five bits, less the key's. Null for one that is not there. */
const thirdIsNear = (bit: string) => `bit_count(
  ((case when others is null then neighbours else thirds[${bit} + 1] + 32768 end) # asked)::bit(16)) <= 5 - near::int`;

/** `passing` without its highest bit, and the lowest of what is left, which is never the sign. */
const lower = "(passing # (1::bigint << highest))";
const lowest = "bit_count(((lower & -lower) - 1)::bit(64))::int";

/** The key, and those that differ from it in one bit. */
const nearKeys = `array[key, ${eachBit((bit) => `key # ${1 << bit}`)}]`;

const row = "q, asked, near, fingerprint_id, others, thirds, neighbours";

/**
 * From `probe` (`q`, `key`, and `neighbours`: the 32 bits of the two bands after the key's) to `passed_posting` (`q`, `id`): the postings
 * of the key that differ in the next band by at most 3 bits and in the third by at most 5, and those of keys one bit away that differ by at
 * most 2 and 4. Each `offset 0` keeps the planner from writing a step's expressions into the next as often as they occur there, and, with
 * `lateral`, from reading the whole table, as it cannot know how many rows such expressions give.
 *
 * That near keys are of the same band says nothing new, but makes the planner expect few rows also where it has no statistics.
 * Words made for each of the 17 keys took 0.36 ms of a lookup's 4.8 at 10 million hashes. The index scan itself takes the words in threes,
 * and the join makes the twos: a further subquery would copy all columns once more for every row. Most rows that pass have one posting that
 * does: its third band is looked at before the row is multiplied.
 */
export const passedPostings = `
  asking as (
    select q, key, ${nearKeys} as keys, neighbours as asked, ${wordsOfNext}
    from (select q, key, neighbours, (neighbours >> 16) & 65535 as next from probe order by key offset 0) sorted offset 0
  ), added as (
    select p.q, p.asked, i.near, i.fingerprint_id, i.others, i.thirds, i.neighbours, ${twos}
    from asking p
    cross join lateral (
      select i.key <> p.key as near, i.fingerprint_id, i.others, i.thirds, i.neighbours, ${inThrees}
      from reference_posting i
      where i.key = any(p.keys) and i.key between (p.key & -65536) and (p.key | 65535) offset 0
    ) i offset 0
  ), passed as (
    select ${row}, ${passing} as passing from added where ${somePass} offset 0
  ), highest as (
    select *, 64 - position(B'1' in passing::bit(64)) as highest from passed offset 0
  ), lower as (
    select *, ${lower} as lower from highest where ${lower} <> 0 or ${thirdIsNear("highest")} offset 0
  ), perhaps as (
    select ${row}, passing,
           generate_series(
             case when lower = 0 then highest else ${lowest} end, highest,
             case when lower = 0 or lower & (lower - 1) <> 0 then 1 else highest - ${lowest} end) as bit
    from lower offset 0
  ), passed_posting as (
    select q, fingerprint_id + case when others is null then 0 else others[bit + 1] end as id
    from perhaps where case when (passing >> bit) & 1 = 1 then ${thirdIsNear("bit")} else false end offset 0
  )`;
