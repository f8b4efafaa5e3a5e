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

/** What {@link passing} needs of a probe: 16 words, each all ones where that bit of the next band is one. */
export const wordsOfNext = eachBit((bit) => `-((next >> ${bit}) & 1)::bigint as next_${bit}`);

/** Three words added: their sums' lower bits and their upper bits. */
const sum = (a: string, b: string, c: string) => `(${a} # ${b} # ${c})`;
const carry = (a: string, b: string, c: string) => `((${a} & ${b}) | (${c} & (${a} | ${b})))`;

function addedInThrees(): string {
  const differs = (bit: number) => `(i.bits_${bit} # p.next_${bit})`;
  return [0, 1, 2, 3, 4]
    .map((three) => [differs(3 * three), differs(3 * three + 1), differs(3 * three + 2)] as const)
    .map(([a, b, c], three) => `${sum(a, b, c)} as one_${three}, ${carry(a, b, c)} as two_${three}`)
    .concat(`${differs(15)} as one_5`)
    .join(",\n");
}

/**
 * The rows of probe `p` (`key`, `next`, `most`, {@link wordsOfNext}) with a word `passing`: which of their postings differ in the next band
 * by at most `most` bits, which must be 2 or 3. Differing bits are counted by adders, as in hardware: `one_…` are worth one, `two_…` two; at
 * most three means that at most one `two` is set, and at most two, that no `one` is set beside it. Each `offset 0` keeps the planner from
 * writing a step's expressions into the next as often as they occur there.
 */
export const passing = `
  select fingerprint_id, others, thirds, neighbours,
    case when neighbours is null then
      ~(pair_0 | pair_1 | pair_2 | pair_3 | (any_0 & any_1) | ((any_0 | any_1) & any_2) | ((any_0 | any_1 | any_2) & any_3)
        | ((p.most - 3)::bigint & one & (any_0 | any_1 | any_2 | any_3)))
      & ~((-1::bigint << cardinality(others) - 1) << 1)
    else (bit_count(((neighbours >> 16) # p.next)::bit(16)) <= p.most)::int::bigint end as passing
  from (
    select fingerprint_id, others, thirds, neighbours, one, any_0, any_1, any_2, pair_0, pair_1, pair_2,
           two_6 | two_7 as any_3, two_6 & two_7 as pair_3
    from (
      select fingerprint_id, others, thirds, neighbours, one_0 # one_1 as one, two_6, one_0 & one_1 as two_7,
             two_0 | two_1 as any_0, two_2 | two_3 as any_1, two_4 | two_5 as any_2,
             two_0 & two_1 as pair_0, two_2 & two_3 as pair_1, two_4 & two_5 as pair_2
      from (
        select fingerprint_id, others, thirds, neighbours, two_0, two_1, two_2, two_3, two_4,
               ${sum("one_0", "one_1", "one_2")} as one_0, ${carry("one_0", "one_1", "one_2")} as two_5,
               ${sum("one_3", "one_4", "one_5")} as one_1, ${carry("one_3", "one_4", "one_5")} as two_6
        from (
          select i.fingerprint_id, i.others, i.thirds, i.neighbours,
                 ${addedInThrees()}
          from reference_posting i where i.key = p.key offset 0
        ) of_threes offset 0
      ) of_ones offset 0
    ) of_twos offset 0
  ) counted offset 0`;

/** Whether posting `bit` of a row differs from `third` in the band after the next by at most two bits more than `most`: five with the key's. */
export const thirdIsNear = `bit_count(
  (case when others is null then neighbours & 65535 else thirds[bit + 1] + 32768 end # third)::bit(16)) <= most + 2`;
