"""Reading a table off a page."""

from __future__ import annotations

MAX_ROWS = 1_000
MAX_COLUMNS = 50
MAX_CELL = 20_000
"""Characters of one cell."""

MAX_CHARACTERS = 500_000
"""Of a whole table; the rows after that are left out."""

READ_TABLE = (
    """
element => {
  const [MAX_ROWS, MAX_COLUMNS, MAX_CELL, MAX_CHARACTERS] = %s;
  const table = element.tagName === "TABLE" ? element : element.querySelector("table");
  if (!table) return null;
  const shown = one => one.getClientRects().length > 0;
  const text = cell => cell.innerText.replace(/\\s+/g, " ").trim().slice(0, MAX_CELL);
  const all = Array.from(table.rows).filter(shown);
  const rows = all.slice(0, MAX_ROWS + 1);
  const grid = rows.map(() => []);
  let left = MAX_CHARACTERS, complete = all.length === rows.length;
  rows.forEach((row, y) => {
    let x = 0;
    for (const cell of Array.from(row.cells).filter(shown)) {
      while (grid[y][x] !== undefined) x += 1;
      const found = text(cell);
      // A cell that spans several stands in each of them.
      const down = Math.min(cell.rowSpan || rows.length, rows.length - y);
      const across = Math.min(cell.colSpan || 1, MAX_COLUMNS - x);
      for (let i = 0; i < down; i += 1)
        for (let j = 0; j < across; j += 1) {
          left -= found.length;
          grid[y + i][x + j] = left >= 0 ? found : "";
        }
      x += Math.max(across, 1);
      if (x >= MAX_COLUMNS) {
        complete = complete && cell === row.cells[row.cells.length - 1];
        break;
      }
    }
  });
  const inHead = rows.filter(row => row.parentElement.tagName === "THEAD").length;
  const first = rows.length > 0 ? Array.from(rows[0].cells) : [];
  const heads = inHead || (first.length > 0 && first.every(cell => cell.tagName === "TH") ? 1 : 0);
  const full = row => Array.from(row, cell => cell === undefined ? "" : cell);
  return {
    columns: heads > 0 ? full(grid[heads - 1]) : [],
    rows: grid.slice(heads).map(full),
    cut: !complete || left < 0,
  };
}
"""
    % [MAX_ROWS, MAX_COLUMNS, MAX_CELL, MAX_CHARACTERS]
).strip()
"""What a reader sees of the table that an element is, or holds first: `{columns, rows, cut}`.

`columns`: the last row of its head, or its first row if that is all headings; else empty.
"""
