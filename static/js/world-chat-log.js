// The rows of the chat in their order, by day, in chunks that browsers skip while they are out of view. Rows that are
// added above or below do not move the rows in view.

import { element, write } from "./dom.js";
import { dayOf } from "./times.js";

const CHUNK_SIZE = 60;
/** Pixels from the end within which the log counts as scrolled to the end. */
const END_DISTANCE = 60;
/** Estimated height of a chunk whose height is unknown. */
const CHUNK_HEIGHT = 3000;

const isBefore = (node, at, line) => node.at < at || (node.at === at && node.line < line);

/** `renderRow(row)` returns the node of a row; `onScroll()` is called when the log has been scrolled. */
export function mountLog({ scroll, days, renderRow, onScroll }) {
  const rows = new Map();
  let stuck = true;
  let width = 0;

  const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < END_DISTANCE;
  const scrollToEnd = () => { scroll.scrollTop = scroll.scrollHeight; stuck = true; };

  function createDay(at) {
    const [key, text] = dayOf(at);
    const section = element("section", { class: "day", "data-day": key }, element("h2", { class: "day-name" }, element("span", {}, text)));
    section.at = at;
    return section;
  }

  const createChunk = () => element("ol", { class: "chunk" });

  /** Let the browser skip a full chunk while it is out of view. It keeps its height. */
  function completeChunk(chunk) {
    chunk.style.containIntrinsicSize = `auto ${chunk.offsetHeight}px`;
    chunk.classList.add("complete");
  }

  /** Change what is above the view and keep the rows in view in place. */
  function keepPosition(change) {
    const wasStuck = stuck;
    const bottom = scroll.scrollHeight - scroll.scrollTop;
    change();
    if (wasStuck) scrollToEnd();
    else scroll.scrollTop = scroll.scrollHeight - bottom;
  }

  /** Change what is below the view and keep the rows in view in place. */
  function keepTopPosition(change) {
    const top = scroll.scrollTop;
    change();
    scroll.scrollTop = top;
  }

  /** Add a page of rows above or below all others. Returns the new chunks. */
  function addPage(page, above) {
    const groups = [];
    for (const row of page.filter((one) => !rows.has(one.id))) {
      const key = dayOf(row.at)[0];
      if (groups.at(-1)?.key !== key || groups.at(-1).rows.length >= CHUNK_SIZE) groups.push({ key, rows: [] });
      groups.at(-1).rows.push(row);
    }
    const chunks = [];
    for (const group of above ? groups.reverse() : groups) {
      const chunk = createChunk();
      chunk.append(...group.rows.map(createRow));
      const edge = above ? days.firstElementChild : days.lastElementChild;
      if (edge?.dataset.day === group.key) {
        if (above) edge.firstElementChild.after(chunk);
        else edge.append(chunk);
      } else {
        const section = createDay(group.rows[0].at);
        section.append(chunk);
        if (above) days.prepend(section);
        else days.append(section);
      }
      chunks.push(chunk);
    }
    return chunks;
  }

  function createRow(row) {
    const node = renderRow(row);
    rows.set(row.id, node);
    return node;
  }

  /** Insert one row at its position, which nearly always is the end. */
  function insertRow(row) {
    const node = createRow(row);
    const [key] = dayOf(row.at);
    let section = days.lastElementChild;
    while (section && section.dataset.day !== key && section.at > row.at) section = section.previousElementSibling;
    if (section?.dataset.day !== key) {
      const created = createDay(row.at);
      if (section) section.after(created);
      else days.prepend(created);
      section = created;
    }
    let chunk = section.lastElementChild;
    while (chunk.matches(".chunk") && chunk.firstElementChild && !isBefore(chunk.firstElementChild, row.at, row.id)
      && chunk.previousElementSibling.matches(".chunk")) chunk = chunk.previousElementSibling;
    if (!chunk.matches(".chunk") || (chunk.children.length >= CHUNK_SIZE && chunk === section.lastElementChild && isBefore(chunk.lastElementChild, row.at, row.id))) {
      if (chunk.matches(".chunk")) completeChunk(chunk);
      chunk = section.appendChild(createChunk());
    }
    let previous = chunk.lastElementChild;
    while (previous && !isBefore(previous, row.at, row.id)) previous = previous.previousElementSibling;
    if (previous) previous.after(node);
    else chunk.prepend(node);
    return node;
  }

  scroll.addEventListener("scroll", () => {
    stuck = isAtEnd();
    onScroll();
  }, { passive: true });

  new ResizeObserver(() => {
    if (stuck) scrollToEnd();
    if (width && width !== scroll.clientWidth) {
      // At another width the stored heights are wrong.
      for (const chunk of days.querySelectorAll(".complete")) chunk.style.containIntrinsicSize = `auto ${CHUNK_HEIGHT}px`;
    }
    width = scroll.clientWidth;
  }).observe(scroll);

  return {
    reset(page) {
      rows.clear();
      days.replaceChildren();
      addPage(page, false);
      scrollToEnd();
    },
    prepend(page) {
      keepPosition(() => addPage(page, true).forEach(completeChunk));
    },
    append(page) {
      stuck = false;
      keepTopPosition(() => addPage(page, false).forEach(completeChunk));
    },
    /** Insert a new row, or replace one that has changed. Returns false if the log has it already. */
    insert(row) {
      if (rows.has(row.id)) {
        const old = rows.get(row.id);
        const node = renderRow(row);
        rows.set(row.id, node);
        keepPosition(() => old.replaceWith(node));
        return false;
      }
      const wasStuck = stuck;
      const top = scroll.scrollTop;
      const height = scroll.scrollHeight;
      const node = insertRow(row);
      const isAbove = node.getBoundingClientRect().top < scroll.getBoundingClientRect().top;
      if (wasStuck) scrollToEnd();
      else if (isAbove) scroll.scrollTop = top + scroll.scrollHeight - height;
      return true;
    },
    has: (id) => rows.has(id),
    node: (id) => rows.get(id) ?? null,
    firstRow: () => days.querySelector(".row"),
    size: () => rows.size,
    isStuck: () => stuck,
    scrollToEnd,
    /** Scroll to a row and highlight it. Returns whether the log has it. */
    highlight(id) {
      const node = rows.get(id);
      if (!node) return false;
      for (const other of days.querySelectorAll("[data-highlighted]")) other.removeAttribute("data-highlighted");
      node.setAttribute("data-highlighted", "");
      node.scrollIntoView({ block: "center" });
      stuck = isAtEnd();
      return true;
    },
    /** Return the first row in view and its distance from the top, for `restorePosition`. */
    position() {
      const { top } = scroll.getBoundingClientRect();
      const row = [...days.querySelectorAll(".row")].find((node) => node.getBoundingClientRect().bottom > top);
      return row ? { line: row.line, down: row.getBoundingClientRect().top - top } : null;
    },
    restorePosition({ line, down }) {
      const node = rows.get(line);
      if (!node) return;
      scroll.scrollTop += node.getBoundingClientRect().top - scroll.getBoundingClientRect().top - down;
      stuck = isAtEnd();
    },
    /** Update the titles of days: today becomes yesterday. */
    updateDayTitles() {
      for (const section of days.children) write(section.firstElementChild.firstElementChild, dayOf(section.at)[1]);
    },
  };
}
