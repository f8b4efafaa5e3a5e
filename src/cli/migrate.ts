import { Command } from "commander";
import { withApp } from "./open.js";
import { say } from "./output.js";

export const migrateCommand = (): Command =>
  new Command("migrate")
    .description("bring the database's tables up to date (starting the service does so too)")
    .action(async () => {
      // Opening the app applies what is missing.
      const { rows } = await withApp(({ database }) =>
        database.pool.query<{ name: string }>("select name from schema_migration order by name"),
      );
      say(`the database is up to date: ${rows.map((r) => r.name).join(", ")}`);
    });
