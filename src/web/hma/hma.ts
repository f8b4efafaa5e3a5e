import type { FastifyInstance } from "fastify";
import type { Parts } from "../parts.js";

export async function hmaRoutes(_server: FastifyInstance, _parts: Parts): Promise<void> {}
