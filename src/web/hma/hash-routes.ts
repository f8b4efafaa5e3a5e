import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Reading } from "../../model.js";
import { needs } from "../access/guard.js";
import type { Readings } from "../api/readings.js";
import type { Parts } from "../parts.js";
import { refused } from "./errors.js";
import { type Given, namedMedia, withUpload } from "./read-media.js";
import { CONTENT_TYPES, type SignalType, signalsOf, signalTypesOf } from "./signals.js";

export type Signals = Partial<Record<SignalType, string>>;

/** What a request's media says, in the signals that its query asks for. */
export interface Hasher {
  hashGiven(request: FastifyRequest, given: Given, types: SignalType[]): Promise<Signals>;
  /** The one file of a form. */
  hashUpload(request: FastifyRequest, types: SignalType[]): Promise<Signals>;
}

export function createHasher({ config }: Parts, readings: Readings): Hasher {
  const hashGiven: Hasher["hashGiven"] = async (request, given, types) => {
    const { reading } = await readings.check(request, given.media);
    checkContentType(reading, given);
    return signalsOf(reading, types);
  };
  return {
    hashGiven,
    hashUpload: (request, types) => withUpload(request, config, (given) => hashGiven(request, given, types)),
  };
}

/** @throws ProblemError 400 when media is not what its caller says. */
export function checkContentType({ kind }: Pick<Reading, "kind">, { contentType }: Given): void {
  if (contentType !== undefined && CONTENT_TYPES[contentType] !== kind)
    throw refused(400, `the content is ${kind === "image" ? "a photo" : "a video"}, not a ${contentType}`);
}

interface Query {
  url?: string;
  content_type?: string;
  types?: string;
}

/** `/h/hash`: the signals of media. */
export function hashRoutes(server: FastifyInstance, hasher: Hasher): void {
  server.get<{ Querystring: Query }>("/h/hash", { onRequest: needs("hashes:read") }, async (request) => {
    const { url, content_type, types } = request.query;
    if (!url) throw refused(400, "url: is required");
    return hasher.hashGiven(request, namedMedia(url, content_type), signalTypesOf(types));
  });
  server.post<{ Querystring: Query }>("/h/hash", { onRequest: needs("hashes:read") }, async (request) =>
    hasher.hashUpload(request, signalTypesOf(request.query.types)),
  );
}
