import { fileURLToPath } from "node:url";
import { Eta } from "eta";

/** Everything a view puts out is escaped, unless it says `<%~`: that is for other views and for SVG that we drew. */
const eta = new Eta({
  views: fileURLToPath(new URL("./views", import.meta.url)),
  autoEscape: true,
  cache: true,
  autoTrim: [false, "nl"],
  functionHeader: "const { t, f } = it;",
});

/** The view as HTML. In views, `t` are the texts and `f` the formats of the reader's language; the rest is in `it`. */
export const render = (view: string, data: object): string => eta.render(`./${view}`, data);
