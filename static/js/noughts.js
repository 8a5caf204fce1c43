// The board of noughts and crosses: nine buttons for mouse, touch and keyboard. Makes no requests.

import { element, flag } from "./dom.js";
import { t } from "./i18n.js";

const NAMES = { 0: "cross", 1: "nought" };
const STROKES = {
  0: ["M27 27 73 73", "M73 27 27 73"],
  1: ["M50 22a28 28 0 1 1 0 56a28 28 0 1 1 0-56z"],
};
const LINES = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];
const SVG = "http://www.w3.org/2000/svg";

export const marksName = (seat) => [t("crosses"), t("noughts")][seat];
const position = (cell) => ({ row: Math.floor(cell / 3) + 1, column: (cell % 3) + 1 });
export const square = (cell) => t("row {row}, column {column}", position(cell));

export function mark(seat) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("class", `mark ${NAMES[seat]}`);
  svg.setAttribute("aria-hidden", "true");
  for (const stroke of STROKES[seat]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", stroke);
    path.setAttribute("pathLength", "1");
    svg.append(path);
  }
  return svg;
}

export const winningLine = (grid) =>
  LINES.find(([a, b, c]) => grid[a] !== "." && grid[a] === grid[b] && grid[a] === grid[c]) ?? null;

/** `play(cell)` is called when a square is chosen. Returns {draw}. */
export function mountBoard(root, play) {
  root.setAttribute("role", "grid");
  root.setAttribute("aria-label", t("Board, 3 rows and 3 columns. Use the arrow keys to move."));
  const cells = Array.from({ length: 9 }, (_, i) => element("button", { type: "button", class: "cell", "data-testid": `cell-${i}`, tabindex: i === 4 ? 0 : -1 }));
  for (let row = 0; row < 3; row += 1) {
    root.append(element("div", { class: "board-row", role: "row" },
      ...cells.slice(row * 3, row * 3 + 3).map((cell) => element("div", { class: "board-square", role: "gridcell" }, cell))));
  }
  let drawn = null;

  function focus(index) {
    for (const [i, cell] of cells.entries()) cell.tabIndex = i === index ? 0 : -1;
    cells[index].focus();
  }

  root.addEventListener("keydown", (event) => {
    const at = cells.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = Math.floor(at / 3);
    const column = at % 3;
    const to = {
      ArrowLeft: row * 3 + Math.max(0, column - 1),
      ArrowRight: row * 3 + Math.min(2, column + 1),
      ArrowUp: Math.max(0, row - 1) * 3 + column,
      ArrowDown: Math.min(2, row + 1) * 3 + column,
      Home: row * 3,
      End: row * 3 + 2,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focus(to);
  });

  cells.forEach((cell, i) => {
    cell.addEventListener("focus", () => { for (const other of cells) other.tabIndex = other === cell ? 0 : -1; });
    cell.addEventListener("click", () => play(i));
  });

  return {
    /** `seat` is the player's own (null for a spectator), `sending` the cell of an unsent turn. */
    draw({ grid, seat, myTurn, sending = null, over = false }) {
      const won = winningLine(grid);
      flag(root, "data-mine", myTurn);
      flag(root, "data-over", over);
      flag(root, "data-draw", over && !won);
      cells.forEach((cell, i) => {
        const owner = grid[i] !== "." ? grid[i] : sending === i ? String(seat) : "";
        const before = drawn?.[i] ?? "";
        const symbol = { 0: t("cross"), 1: t("nought") }[owner] ?? (owner || t("empty"));
        const label = t("Row {row}, column {column}, {what}", { ...position(i), what: symbol });
        cell.setAttribute("aria-label", sending === i && grid[i] === "." ? t("{label}, sending", { label }) : label);
        cell.setAttribute("aria-disabled", String(!myTurn || owner !== ""));
        flag(cell, "data-empty", !owner);
        flag(cell, "data-sending", owner && grid[i] === ".");
        flag(cell, "data-won", won?.includes(i));
        if (owner && owner === before) return;
        if (owner) {
          cell.replaceChildren(mark(owner));
          flag(cell, "data-drawn", drawn !== null);
        } else if (seat !== null && (before || !cell.firstChild)) {
          const ghost = mark(seat);
          ghost.classList.add("ghost");
          cell.replaceChildren(ghost);
          flag(cell, "data-drawn", false);
        }
      });
      drawn = cells.map((_, i) => (grid[i] !== "." ? grid[i] : sending === i ? String(seat) : ""));
    },
  };
}
