import type { WasmFunction } from "../../webassembly/assemble.js";
import { constant, get, increase, lines, of, plus, set, upTo } from "../../webassembly/text.js";

/**
 * A coordinate between two grid lines of the integral image, as the loop wants it: bytes to the line before (of rows, its address; of columns,
 * from there) and to the line after, and how near it is to each (64-bit floats that add up to 1).
 */
export const BEFORE_AT = 0;
export const AFTER_AT = 4;
export const NEAR_BEFORE_AT = 8;
export const NEAR_AFTER_AT = 16;
export const LINE_BYTES = 24;

const float = (line: string, at: number): string => of(`f64.load offset=${at}`, line);

const field = (line: string, at: number, next: number): string => of(`i32.load offset=${at + next * LINE_BYTES}`, get(line));

/** The sum above and left of a row and a column, each the line at the local's address or the one `next` to it. */
function sumTo(column: number, row: number): string {
  const weighted = (value: string, line: string, at: number, next: number) =>
    of("f64.mul", value, float(get(line), at + next * LINE_BYTES));
  const sum = (rowAt: number, columnAt: number) =>
    of("f64.convert_i32_s", of("i32.load", plus(field("row", rowAt, row), field("column", columnAt, column))));
  const across = (rowAt: number) =>
    of(
      "f64.add",
      weighted(sum(rowAt, BEFORE_AT), "column", NEAR_BEFORE_AT, column),
      weighted(sum(rowAt, AFTER_AT), "column", NEAR_AFTER_AT, column),
    );
  return of(
    "f64.add",
    weighted(across(BEFORE_AT), "row", NEAR_BEFORE_AT, row),
    weighted(across(AFTER_AT), "row", NEAR_AFTER_AT, row),
  );
}

/**
 * Sums of 64-bit floats over cells that may begin and end between pixels, row by row. Two lines at `columns` for each column of cells, where it begins
 * and where it ends, up to `columnsEnd`; the same for rows.
 */
export const cells: WasmFunction = {
  name: "cells",
  params: ["columns", "columnsEnd", "rows", "rowsEnd", "out"],
  i32: ["row", "column"],
  v128: [],
  body: lines(
    set("row", get("rows")),
    upTo(
      "row",
      get("rowsEnd"),
      2 * LINE_BYTES,
      lines(
        set("column", get("columns")),
        upTo(
          "column",
          get("columnsEnd"),
          2 * LINE_BYTES,
          lines(
            of(
              "f64.store",
              get("out"),
              of("f64.add", of("f64.sub", of("f64.sub", sumTo(1, 1), sumTo(0, 1)), sumTo(1, 0)), sumTo(0, 0)),
            ),
            increase("out", constant(8)),
          ),
        ),
      ),
    ),
    get("out"),
  ),
};
