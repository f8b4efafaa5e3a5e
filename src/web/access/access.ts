import formbody from "@fastify/formbody";
import type { FastifyInstance } from "fastify";
import { showErrors } from "../console/errors.js";
import type { AccessParts } from "./access-parts.js";
import { accountRoutes } from "./account.js";
import { auditRoutes } from "./audit.js";
import { addForgeryCheck } from "./forgery.js";
import { FORM } from "./form.js";
import { addHeaders } from "./headers.js";
import { addIdentity } from "./identify.js";
import { addLimits } from "./limits.js";
import { oidcRoutes } from "./oidc.js";
import { peopleRoutes } from "./people.js";
import { signInRoutes } from "./sign-in.js";
import { tokenRoutes } from "./tokens.js";
import { welcomeRoutes } from "./welcome.js";

/** Who asks, how often they may, and that it was really they; then the pages for signing in, and for people, tokens and the audit log. */
export async function accessRoutes(server: FastifyInstance, parts: AccessParts): Promise<void> {
  addHeaders(server, parts.config);
  addIdentity(server, parts.pool);
  await addLimits(server);
  addForgeryCheck(server, parts.config);
  await server.register(async (pages) => {
    await pages.register(formbody, FORM);
    showErrors(pages, parts.log);
    signInRoutes(pages, parts);
    welcomeRoutes(pages, parts);
    oidcRoutes(pages, parts);
    accountRoutes(pages, parts);
    peopleRoutes(pages, parts);
    tokenRoutes(pages, parts);
    auditRoutes(pages, parts);
  });
}
