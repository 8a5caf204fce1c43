// The rows of the chat: in their order, by day, in bundles that cost nothing while nobody sees them. What is
// being read stays where it is, whatever comes before or after it.

import { element, write } from "./dom.js";
import { dayOf } from "./times.js";

const BUNDLE = 60;
const NEAR_END = 60;

const before = (one, at, line) => one.at < at || (one.at === at && one.line < line);

/** `make(row)` gives the node of a row; `moved()` is told when the reader has moved. */
export function mountLog({ scroll, days, texts, make, moved }) {
  const rows = new Map();
  let stuck = true;
  let width = 0;

  const atEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
  const toEnd = () => { scroll.scrollTop = scroll.scrollHeight; stuck = true; };

  function dayTitle(at) {
    const [name, text] = dayOf(at);
    const now = Date.now() / 1000;
    if (name === dayOf(now)[0]) return [name, texts.today];
    if (name === dayOf(now - 86400)[0]) return [name, texts.yesterday];
    return [name, text];
  }

  function newDay(at) {
    const [name, text] = dayTitle(at);
    const section = element("section", { class: "day", "data-day": name }, element("h2", { class: "day-name" }, element("span", {}, text)));
    section.at = at;
    return section;
  }

  const newBundle = () => element("ol", { class: "bundle" });

  /** A bundle that is full is left alone by the browser while it is out of sight: it keeps its height. */
  function settle(bundle) {
    bundle.style.containIntrinsicSize = `auto ${bundle.offsetHeight}px`;
    bundle.classList.add("settled");
  }

  /** Change what is above the reader without moving what he reads. */
  function keepPosition(change) {
    const stay = stuck;
    const bottom = scroll.scrollHeight - scroll.scrollTop;
    change();
    if (stay) toEnd();
    else scroll.scrollTop = scroll.scrollHeight - bottom;
  }

  function known(list) {
    return list.filter((row) => !rows.has(row.id));
  }

  /** Rows that all lie on one side of what is there, in their order. */
  function add(list, above) {
    const fresh = known(list);
    const groups = [];
    for (const row of fresh) {
      const name = dayOf(row.at)[0];
      if (groups.at(-1)?.name !== name || groups.at(-1).rows.length >= BUNDLE) groups.push({ name, rows: [] });
      groups.at(-1).rows.push(row);
    }
    const made = [];
    for (const group of above ? groups.reverse() : groups) {
      const bundle = newBundle();
      bundle.append(...group.rows.map(node));
      const edge = above ? days.firstElementChild : days.lastElementChild;
      if (edge?.dataset.day === group.name) {
        if (above) edge.firstElementChild.after(bundle);
        else edge.append(bundle);
      } else {
        const section = newDay(group.rows[0].at);
        section.append(bundle);
        if (above) days.prepend(section);
        else days.append(section);
      }
      made.push(bundle);
    }
    return made;
  }

  function node(row) {
    const made = make(row);
    rows.set(row.id, made);
    return made;
  }

  /** One row wherever it belongs: nearly always at the end. */
  function place(row) {
    const made = node(row);
    const [name] = dayOf(row.at);
    let section = days.lastElementChild;
    while (section && section.dataset.day !== name && section.at > row.at) section = section.previousElementSibling;
    if (section?.dataset.day !== name) {
      const fresh = newDay(row.at);
      if (section) section.after(fresh);
      else days.prepend(fresh);
      section = fresh;
    }
    let bundle = section.lastElementChild;
    while (bundle.matches(".bundle") && bundle.firstElementChild && !before(bundle.firstElementChild, row.at, row.id)
      && bundle.previousElementSibling.matches(".bundle")) bundle = bundle.previousElementSibling;
    if (!bundle.matches(".bundle") || (bundle.children.length >= BUNDLE && bundle === section.lastElementChild && before(bundle.lastElementChild, row.at, row.id))) {
      if (bundle.matches(".bundle")) settle(bundle);
      bundle = section.appendChild(newBundle());
    }
    let after = bundle.lastElementChild;
    while (after && !before(after, row.at, row.id)) after = after.previousElementSibling;
    if (after) after.after(made);
    else bundle.prepend(made);
    return made;
  }

  scroll.addEventListener("scroll", () => {
    stuck = atEnd();
    moved();
  }, { passive: true });

  new ResizeObserver(() => {
    if (stuck) toEnd();
    if (width && width !== scroll.clientWidth) {
      // Heights that were kept are no longer true.
      for (const bundle of days.querySelectorAll(".settled")) bundle.style.containIntrinsicSize = "auto 3000px";
    }
    width = scroll.clientWidth;
  }).observe(scroll);

  return {
    reset(list) {
      rows.clear();
      days.replaceChildren();
      add(list, false);
      toEnd();
    },
    prepend(list) {
      keepPosition(() => add(list, true).forEach(settle));
    },
    append(list) {
      stuck = false;
      keepTopPosition(() => add(list, false).forEach(settle));
    },
    /** A row that has just come. True if it is at the end of what is shown. */
    insert(row) {
      if (rows.has(row.id)) return false;
      const stay = stuck;
      const seam = scroll.scrollTop;
      const height = scroll.scrollHeight;
      const made = place(row);
      const above = made.getBoundingClientRect().top < scroll.getBoundingClientRect().top;
      if (stay) toEnd();
      else if (above) scroll.scrollTop = seam + scroll.scrollHeight - height;
      return true;
    },
    has: (id) => rows.has(id),
    node: (id) => rows.get(id) ?? null,
    first: () => days.querySelector(".row"),
    empty: () => rows.size === 0,
    stuck: () => stuck,
    toEnd,
    keepPosition,
    show(id) {
      const found = rows.get(id);
      if (!found) return false;
      for (const other of days.querySelectorAll("[data-shown]")) other.removeAttribute("data-shown");
      found.setAttribute("data-shown", "");
      found.scrollIntoView({ block: "center" });
      stuck = atEnd();
      return true;
    },
    /** What is read, for `restorePosition`: the first row in sight, and how far down it is. */
    position() {
      const { top } = scroll.getBoundingClientRect();
      const seen = [...days.querySelectorAll(".row")].find((row) => row.getBoundingClientRect().bottom > top);
      return seen ? { line: seen.line, down: seen.getBoundingClientRect().top - top } : null;
    },
    restorePosition({ line, down }) {
      const found = rows.get(line);
      if (!found) return;
      scroll.scrollTop += found.getBoundingClientRect().top - scroll.getBoundingClientRect().top - down;
      stuck = atEnd();
    },
    retitle() {
      for (const section of days.children) write(section.firstElementChild.firstElementChild, dayTitle(section.at)[1]);
    },
  };

  function keepTopPosition(change) {
    const top = scroll.scrollTop;
    change();
    scroll.scrollTop = top;
  }
}
