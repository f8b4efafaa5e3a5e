import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createLog } from "../../src/platform/log.js";
import { createQueues } from "../../src/platform/queues.js";
import { type TestDatabase, testDatabase } from "../support/database.js";

const log = createLog("silent");
const PATIENCE = { timeout: 45_000, interval: 50 };

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

/** The way to the database, on which every connection is reset while `isCut`. */
async function road() {
  const state = { isCut: true, tries: 0, cut: () => {} };
  const target = new URL(database.connectionString);
  const { port, hostname } = target;
  const sockets = new Set<ReturnType<typeof connect>>();
  const server = createServer((socket) => {
    state.tries++;
    socket.on("error", () => {});
    if (state.isCut) return void socket.resetAndDestroy();
    const onward = connect(Number(port), hostname);
    onward.on("error", () => socket.destroy());
    for (const each of [socket, onward]) sockets.add(each);
    socket.pipe(onward).pipe(socket);
  });
  state.cut = () => {
    state.isCut = true;
    for (const each of sockets) each.resetAndDestroy();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  target.port = String((server.address() as AddressInfo).port);
  const close = async () => {
    state.cut();
    await new Promise((resolve) => server.close(resolve));
  };
  return { state, url: target.href, close };
}

test("a worker that is started while the database is away takes jobs when it is back, and again after the next time", async () => {
  const { state, url, close } = await road();
  const [near, far] = [
    createQueues({ queuePrefix: "road" }, database.connectionString, log),
    createQueues({ queuePrefix: "road" }, url, log),
  ];
  const taken: string[] = [];
  far.worker<{ name: string }>("work", async ({ data }) => void taken.push(data.name));
  await vi.waitFor(() => expect(state.tries).toBeGreaterThan(3), PATIENCE);
  await near.queue("work").add("job", { name: "first" });
  expect(taken).toEqual([]);
  state.isCut = false;
  await vi.waitFor(() => expect(taken).toEqual(["first"]), PATIENCE);
  state.cut();
  await near.queue("work").add("job", { name: "second" });
  state.isCut = false;
  await vi.waitFor(() => expect(taken).toEqual(["first", "second"]), PATIENCE);
  await far.close();
  await near.close();
  await close();
}, 120_000);
