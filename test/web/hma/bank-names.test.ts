import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bankNameOf, caseIdOf } from "../../../src/web/hma/bank-names.js";

const caseIds = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
  minLength: 1,
  maxLength: 128,
});

describe("a bank's name", () => {
  it.each([
    ["MY_BANK_2", "MY_BANK_2"],
    ["C-17", "_C_2D17"],
    ["c17", "_" + "_6317"],
    ["_X", "__5FX"],
    ["17", "_17"],
  ])("of case %s is %s, and back", (caseId, name) => {
    expect(bankNameOf(caseId)).toBe(name);
    expect(caseIdOf(name)).toBe(caseId);
  });

  it("is one of HMA's and leads back to its case, whatever the case is called", () => {
    fc.assert(
      fc.property(caseIds, (caseId) => {
        expect(bankNameOf(caseId)).toMatch(/^[A-Z_][A-Z0-9_]*$/);
        expect(caseIdOf(bankNameOf(caseId))).toBe(caseId);
      }),
    );
  });

  it.each(["_FOO", "__4", "lower", "", "A-B", "_", "__41"])("that stands for no case is refused: %j", (name) => {
    expect(caseIdOf(name)).toBeUndefined();
  });
});
