import { describe, expect, it } from "vitest";
import { availableMemory, postgresSettings } from "../../src/platform/postgres-settings.js";

const GIGABYTE = 1024 ** 3;

describe("settings of the embedded Postgres", () => {
  it.each([
    [0, "128MB", "128MB"],
    [0.5 * GIGABYTE, "128MB", "256MB"],
    [2 * GIGABYTE, "256MB", "1024MB"],
    [8 * GIGABYTE, "1024MB", "4096MB"],
    [23.5 * GIGABYTE, "3008MB", "12032MB"],
    [512 * GIGABYTE, "4096MB", "262144MB"],
  ])(
    "of %d bytes of memory it keeps an eighth, from 128 MB to 4 GB, and half is taken to hold its files",
    (memory, kept, cached) => {
      expect(postgresSettings(memory)).toMatchObject({ shared_buffers: kept, effective_cache_size: cached });
    },
  );

  it("a container's limit counts, and a limit that is none does not", () => {
    expect(availableMemory(8 * GIGABYTE, 2 * GIGABYTE)).toBe(2 * GIGABYTE);
    for (const none of [0, undefined as unknown as number, 2 ** 64, 16 * GIGABYTE])
      expect(availableMemory(8 * GIGABYTE, none)).toBe(8 * GIGABYTE);
  });

  it("what was committed survives a power cut", () => {
    const settings = postgresSettings(8 * GIGABYTE);
    expect(settings.fsync).toBe("on");
    expect(Object.keys(settings)).not.toContain("synchronous_commit");
    expect(Object.keys(settings)).not.toContain("full_page_writes");
  });
});
