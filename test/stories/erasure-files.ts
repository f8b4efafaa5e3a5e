import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";

/** All files below a folder, by their path in it. */
export function filesIn(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, entry);
    // Files come and go while a server runs.
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) files.set(entry, readFileSync(path));
  }
  return files;
}

/** Which files have one of these bytes in them. */
export const filesWith = (folder: string, wanted: Map<string, Buffer>): string[] =>
  [...filesIn(folder)].flatMap(([path, content]) =>
    [...wanted].filter(([, bytes]) => content.includes(bytes)).map(([name]) => `${name} in ${path}`),
  );

/** Everything that a Redis holds, as text. */
export async function redisContent(redis: Redis): Promise<string> {
  const parts: string[] = [];
  for (const key of await redis.keys("*")) {
    const type = await redis.type(key);
    if (type === "string") parts.push(key, (await redis.get(key)) ?? "");
    else if (type === "hash") parts.push(key, JSON.stringify(await redis.hgetall(key)));
    else if (type === "list") parts.push(key, JSON.stringify(await redis.lrange(key, 0, -1)));
    else if (type === "set") parts.push(key, JSON.stringify(await redis.smembers(key)));
    else if (type === "zset") parts.push(key, JSON.stringify(await redis.zrange(key, 0, "-1")));
    else if (type === "stream") parts.push(key, JSON.stringify(await redis.xrange(key, "-", "+")));
    else throw new Error(`a key of type ${type}`);
  }
  return parts.join("\n");
}
