import { stat } from "node:fs/promises";
import { z } from "zod";
import { UnscannableError } from "../../errors.js";
import type { Decoder } from "../find-decoder.js";
import { BACKDROP } from "../luma.js";
import type { Message } from "./messages.js";
import { giveBack, takeStillProcess } from "./pool.js";

export interface Size {
  width: number;
  height: number;
}

/** Interleaved 8-bit channels (1 grey, 3 RGB): transparent parts already lie on {@link BACKDROP}. */
export interface Picture extends Size {
  pixels: Uint8Array;
  channels: number;
}

/** An image that the decoder holds. */
export interface OpenImage {
  metadata: ImageMetadata;
  /** The picture, upright, reduced to each of these sizes. */
  pictures(sizes: Size[]): Promise<Picture[]>;
  /** Pages of an animation, reduced: those `wanted`, which are among the `count` from `first` on. All are decoded at once. */
  pages(range: { first: number; count: number; wanted: number[] }, size: Size): Promise<Picture[]>;
  /** Lets the decoder go on with other files. Safe to call twice. */
  close(): Promise<void>;
}

export interface ImageLimits {
  maxPixels: number;
  /** From opening to closing, by the clock on the wall. */
  timeoutMs: number;
}

/** A file is handed over whole. The largest picture allowed (50 million pixels by default) has 200 MB without any compression. */
const MOST_FILE_BYTES = 256 * 1024 ** 2;

const side = z.number().int().min(1).max(10_000_000);
const shape = { width: side, height: side };
const metadataOf = z.object({
  ...shape,
  format: z.string().max(32),
  compression: z.string().max(32).optional(),
  /** As shown: rotation applied. */
  autoOrient: z.object(shape),
  pages: z.number().int().min(1).max(10_000_000).optional(),
  /** How long each page is shown, in ms. */
  delay: z.array(z.number().int().min(0).max(0xffffffff)).max(1_000_000).optional(),
});
export type ImageMetadata = z.infer<typeof metadataOf>;

const answerOf = z.union([z.object({ error: z.string().max(2_000) }), z.looseObject({ error: z.undefined().optional() })]);
const channelsOf = z.object({ channels: z.array(z.union([z.literal(1), z.literal(3)])) });

/**
 * Hands an image to the decoder, a process of its own in the sandbox, which keeps it until it is closed. Nothing that the process answers
 * is believed beyond its shape; if the process has been taken over by one file, it can lie about that file and those it is given
 * after it, until it is replaced, and do no more.
 *
 * @throws UnscannableError if the image is damaged, too large, takes too long, or crashes the decoder; TransientError if there is no decoder
 *   to be had; the signal's reason if aborted.
 */
export async function openImage(path: string, decoder: Decoder, limits: ImageLimits, signal: AbortSignal): Promise<OpenImage> {
  signal.throwIfAborted();
  const { size: bytes } = await stat(path);
  if (bytes > MOST_FILE_BYTES)
    throw new UnscannableError(`the image has ${bytes} bytes, more than the limit of ${MOST_FILE_BYTES}`);
  const child = await takeStillProcess(decoder, limits.timeoutMs);
  const onAbort = () => child.kill(signal.reason);
  const timer = setTimeout(() => child.kill(new UnscannableError("the image took too long to decode")), limits.timeoutMs);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });

  const ask = async (request: object, most: number, file?: { path: string; bytes: number }): Promise<Message> => {
    const message = await child.ask(request, most, file);
    const answer = checked(answerOf, message.header);
    if (answer.error === undefined) return message;
    const damage = damagedImage(answer.error);
    // What a damaged file has done to it is not for the next file to meet.
    child.kill(damage);
    throw damage;
  };
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    await giveBack(decoder, child);
  };
  const checked = <T>(schema: z.ZodType<T>, value: unknown): T => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const nonsense = new UnscannableError("the decoder crashed on this file", "its answer is nonsense");
    child.kill(nonsense);
    throw nonsense;
  };
  const picturesOf = async (request: object, sizes: Size[]): Promise<Picture[]> => {
    const most = sizes.reduce((sum, { width, height }) => sum + width * height * 3, 0);
    const { header, body } = await ask({ ...request, backdrop: BACKDROP }, most);
    return cut(body, checked(channelsOf, header).channels, sizes) ?? checked(z.never(), body);
  };
  try {
    const { header } = await ask({ act: "open" }, 0, { path, bytes });
    return {
      metadata: checked(metadataOf, header),
      pictures: (sizes) => picturesOf({ act: "pictures", sizes, maxPixels: limits.maxPixels }, sizes),
      pages: ({ first, count, wanted }, size) => {
        const { width, height } = checked(metadataOf, header);
        const request = { act: "pages", first, count, wanted, size, page: { width, height } };
        return picturesOf(
          request,
          wanted.map(() => size),
        );
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Undefined when there are not as many bytes as the sizes ask for. */
function cut(body: Buffer, channels: number[], sizes: Size[]): Picture[] | undefined {
  if (channels.length !== sizes.length) return undefined;
  let at = 0;
  const pictures = sizes.map((size, i) => {
    const pixels = body.subarray(at, at + size.width * size.height * channels[i]);
    at += size.width * size.height * channels[i];
    return { ...size, pixels, channels: channels[i] };
  });
  return at === body.length ? pictures : undefined;
}

const DAMAGED = "the image is damaged and cannot be decoded";

/** Whether it was the file that could not be decoded, and not the decoder that failed. */
export const isDamage = (error: unknown): boolean => error instanceof UnscannableError && error.reason === DAMAGED;

function damagedImage(text: string): UnscannableError {
  if (text.includes("pixel limit")) return new UnscannableError("the image has more pixels than the limit", text);
  if (/memory|allocat/i.test(text)) return new UnscannableError("the image needs more memory than the limit to be decoded", text);
  return new UnscannableError(DAMAGED, text);
}
