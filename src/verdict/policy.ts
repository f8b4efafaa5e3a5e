/**
 * Why a match is for a person to look at: it may be chance (`weak`), only part of a still was found (`part`), it is one hash of a list that is
 * not near enough (`listed`), a short piece of longer videos (`short`), perhaps the same place filmed another time (`scene`), or what several cases share (`template`).
 */
export type Doubt = "weak" | "part" | "listed" | "short" | "scene" | "template";

/**
 * What turns hits into `match` or `review`. Data, versioned, and stored with every verdict: changing a number here
 * means a new version.
 */
export interface Policy {
  version: string;
  /** A reference fingerprint this near is a hit. PDQ's recommended threshold (Meta, "The TMK+PDQF Video-Hashing Algorithm…", 2019). */
  withinBits: number;
  /**
   * Less confidence than this is a coincidence and not shown to anybody. On the tuning half, among 1,648 pairs of a submission and an
   * unrelated reference the surest was 0.99; of 103 true ones 95 in 100 are above 0.999.
   */
  reviewConfidence: number;
  /** Less than this is for a person to look at. */
  matchConfidence: number;
  /**
   * Where only a part was read: some picture agrees with something known so that chance leaves no more than this, and more is read around it. Of 4,274 altered films that match (both
   * halves, second and third real set; one to three keyframes of most) 4,181 have one such keyframe without any limit, 4,180 with this one, 4,175 with 0.1.
   */
  firstLookDoubt: number;
  /** Distinct moments that must agree before a short span of a longer video is a match. */
  minFrames: number;
  /**
   * A shared piece at the beginning of both videos, or at the end of both, that is shorter than this may be an intro of many films: where both go on, with
   * something else, it is for a person (see `doubt.ts`).
   */
  introMs: number;
  /**
   * A shared span shorter than this is only a match when it is most of either video: a sting or a news clip is not the video. Two quoted seconds are seen as 2.5 at most, by half a step of a scan
   * at each end.
   */
  minSpanMs: number;
  minCoverage: number;
  /** The same when one of the videos is itself shorter than that, and has few moments to agree. */
  minCoverageOfShort: number;
  /** What is told to be less than this of either video is a piece, of which more must agree: a quoted second of a film of 3.4 s is told to be 0.52 of it, to its end. */
  pieceShare: number;
  /** Of a video that was read again more densely, a piece matches from so many quarters of a second on that agree. A quoted second has four or five, five seconds had seven and more. */
  pieceMoments: number;
  /**
   * Where one picture alone decides, this share of the known one must be found for a match; less is for a person. On the tuning half copies
   * with an emoji over 15 %, a caption or 30 % cropped show 0.46 and more (one of 51 less), memes of one template at most 0.41.
   */
  stillShare: number;
  /**
   * ... and be as near as this (0-1, see `second-look.ts`), or it is another picture of the same kind of thing, as one face is of another. Of 886 true
   * pairs of the tuning half seven are less near; of 3,198 pairs of drawings that passed otherwise, nearly all of faces, 2,649 are, and a photographed face
   * and drawn ones all (0.13 at most).
   */
  stillCloseness: number;
  /**
   * Parts that are not near (`weakCloseness`) were seen all the same where chance leaves no more than this. Of 60 made-up films of soft clouds beside eight others, none of them near, one
   * left 4e-5; another face in a known one's place left 2.5e-8 and 7e-8; of true copies that are so far the surest moment of each left 1e-8 and less.
   */
  farDoubt: number;
  /** Of a video of which only what stands still agrees (see `same-scene.ts`), what is less near than this is for a person even where nothing is missing. */
  sceneCloseness: number;
  /**
   * What may be chance must be as near as this to be shown to anybody. Without it 67 of 1,200 innocent minutes were for review, with it 25. And parts that
   * are less near than this, or that chance would give more often than `nearDoubt`, are no part of what was seen of a video: they may be of anything. Of 26 films that share an intro
   * with 21 known ones five matched by such moments after it, some of another face (0.05 to 0.1), some of nothing (0.01 to 0.17).
   */
  weakCloseness: number;
  nearDoubt: number;
  /**
   * A film is shown where it is shown: parts that lie elsewhere than where the nearest ones are, by more than `elsewhere` longer sides or by this factor of size, are no part of what was
   * seen either, unless they are as near as `elsewhereCloseness` (the camera moved meanwhile, or the inset did). Of 48 innocents behind the intro of a known film
   * (second real set) two matched by parts of another face at later moments, a tenth of the picture away or up to a quarter larger; of 4,779 altered copies three are for review for it.
   */
  elsewhere: { middle: number; size: number };
  elsewhereCloseness: number;
  /** Less than this share of a known picture, found in a submission for at least so many cases, is a template they share. */
  wholeShare: number;
  templateCases: number;
  /**
   * A still and one hash of a list match up to this distance; further away is for a person. Of 50 corpus stills, saved again, scaled,
   * squashed, blurred or brightened in nine ways, 424 of 450 copies lie within 20 bits, 425 within 23 and 436 within 31; of 31,011 pairs of
   * different pictures none is nearer than 94, of 119,400 pairs of drawings of one kind none is nearer than 42.
   */
  listedBits: number;
  /**
   * The share of what is told to be the known material that was so, by what speaks against it (`none`: a match): the confidence of a match.
   * Counted in the bench's mix of altered and innocent files, as (right + 1) / (all + 2) (docs/detection-experiments.md). Of matches, templates, short pieces and parts of stills on the tuning
   * half, the hard set and the real one (people before one wall): 3,056 of 3,099 (1,786 of 1,786 without the real set), 0 of 256, and 17 of 266. Since patches have 64 bits also on the tuning half, the second
   * and third real sets and twenty films before that wall: of what may be chance 25 of 103 were right, of what may be the same place 80 of 208. Of lists there were none: they are taken for parts.
   */
  rightShare: Record<Doubt | "none", number>;
}

export const POLICY: Policy = {
  version: "2026-11-27.3",
  withinBits: 31,
  reviewConfidence: 0.995,
  matchConfidence: 0.9999,
  firstLookDoubt: 0.5,
  minFrames: 2,
  introMs: 8_000,
  minSpanMs: 2_600,
  minCoverage: 0.5,
  minCoverageOfShort: 0.3,
  pieceShare: 0.6,
  pieceMoments: 6,
  stillShare: 0.45,
  stillCloseness: 0.18,
  farDoubt: 1e-8,
  sceneCloseness: 0.4,
  weakCloseness: 0.14,
  nearDoubt: 0.1,
  elsewhere: { middle: 0.08, size: 1.15 },
  elsewhereCloseness: 0.3,
  wholeShare: 0.9,
  templateCases: 3,
  listedBits: 20,
  rightShare: { none: 0.986, weak: 0.25, part: 0.07, listed: 0.07, short: 0.07, scene: 0.38, template: 0.01 },
};
