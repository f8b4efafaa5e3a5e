import swaggerUi from "@fastify/swagger-ui";
import type { Api } from "./routes.js";

/** A style element that swagger-ui-bundle.js puts into the page; a test in a browser tells when a new version has another. */
const STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";

/** Only what the page brings along itself: it works without the internet, and no script is in the page. */
const POLICY = `default-src 'none'; script-src 'self'; style-src 'self' ${STYLE}; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** `/v1/openapi.json`, and `/v1/reference`, where every request can be tried with a token. Neither says anything about what is kept here. */
export async function addReferencePage(api: Api): Promise<void> {
  api.get("/openapi.json", { schema: { hide: true } }, async (_request, reply) =>
    reply.type("application/json; charset=utf-8").send(JSON.stringify(api.swagger())),
  );
  await api.register(swaggerUi, {
    routePrefix: "/reference",
    indexPrefix: "/v1",
    staticCSP: POLICY,
    validatorUrl: false,
    uiConfig: {
      docExpansion: "list",
      deepLinking: true,
      tryItOutEnabled: true,
      persistAuthorization: false,
      defaultModelsExpandDepth: 0,
    },
    theme: { title: "reupload: API reference" },
  });
}
