// The chat of a world: shows the part of the history that the address names, loads more in both directions, and is
// live at its end.

import { cookie } from "./api.js";
import { announce, closeOnEscape, element, flag, readJson, refs, write } from "./dom.js";
import { listen } from "./feed.js";
import { backoff, pause, Problem, request } from "./http.js";
import { mountComposer } from "./world-chat-composer.js";
import { mountLog } from "./world-chat-log.js";
import { rowRenderer } from "./world-chat-row.js";
import { mountSounds } from "./world-chat-sounds.js";
import { mountState } from "./world-state.js";

/** Pixels from the first or last row at which the next page is loaded. */
const LOAD_DISTANCE = 1500;
/** On narrow screens the search form closes, since the results need its space. */
const NARROW = matchMedia("(max-width: 30rem)");
const KINDS = { "": null, chat: ["chat"], visit: ["login", "logout"], death: ["death"], achievement: ["achievement"] };

const root = document.querySelector("[data-ref=world]");
const part = refs(root);
const texts = readJson("world-chat-texts");
const initial = readJson("world-chat-initial");
const path = `${root.dataset.path}/chats`;
const { me } = initial;

/** The latest rows of the feed, oldest first: a page of the history may have been read before they were logged. */
const recentRows = [];
const MAX_RECENT_ROWS = 500;
/** Browsers limit how often a page may replace its history state. */
const SAVE_AFTER_MS = 400;
const DAY_TITLES_REFRESH_MS = 60000;

let historyFilter = {};
let older = null;
let newer = null;
let unreadCount = 0;
let currentLoad = null;
let ready = false;
let saveTimer = 0;

const isOwn = (name) => Boolean(me?.names.includes(name));
const renderRow = rowRenderer({ path, texts, isOwn });
const log = mountLog({ scroll: part.scroll, days: part.days, renderRow, onScroll });
const sounds = mountSounds(part.sound);
const state = mountState((world) => {
  composer?.setRunning(world.running);
  if (part["stopped-note"]) part["stopped-note"].hidden = world.running;
});
const composer = me && mountComposer({
  form: part.form, input: part.input, list: part.sending, path, me, texts,
  running: state.world().running, onResize: () => { if (log.isStuck()) log.scrollToEnd(); }, onSend: showEnd,
});

// The address and the history

function requestedFilter() {
  const query = new URLSearchParams(location.search);
  const read = Object.fromEntries(["q", "player", "kind"].map((name) => [name, query.get(name)?.trim() ?? ""]));
  // An unknown kind filters nothing, as on the server.
  return { ...read, kind: Object.hasOwn(KINDS, read.kind) ? read.kind : "" };
}

const requestedLine = () => location.hash.match(/^#line-(\d+)$/)?.[1];

const isFiltered = () => Boolean(historyFilter.q || historyFilter.player || historyFilter.kind);

const matches = (row) => !historyFilter.q && (!historyFilter.player || row.who === historyFilter.player) && (!KINDS[historyFilter.kind] || KINDS[historyFilter.kind].includes(row.kind));

function showPage(page) {
  ({ older, newer } = page);
  unreadCount = 0;
  log.reset(page.rows);
  insertRecentRows();
  drawEdges();
  const line = requestedLine();
  if (line && log.highlight(Number(line))) log.node(Number(line)).focus({ preventScroll: true });
}

/** Add the latest rows of the feed if the end of the history is shown. */
function insertRecentRows() {
  if (newer === null) recentRows.filter((row) => matches(row) && !isTooOld(row)).forEach((row) => log.insert(row));
}

function filterText() {
  return [historyFilter.q, historyFilter.player, KINDS[historyFilter.kind] && part.filter.elements.kind.selectedOptions[0].text].filter(Boolean).join(" · ");
}

function resultsText() {
  const count = log.size();
  const text = count === 1 && !older && !newer ? texts.result : texts.results;
  return text.replace("{count}", `${count}${older || newer ? "+" : ""}`).replace("{query}", () => filterText());
}

function drawEdges() {
  const isEmpty = log.size() === 0;
  const emptyText = isFiltered() ? texts.no_results.replace("{query}", () => filterText()) : texts.empty;
  write(part.top, older ? texts.loading : isEmpty ? emptyText : texts.beginning);
  flag(part.top, "data-empty", isEmpty);
  part.results.hidden = !isFiltered();
  write(part["results-text"], isFiltered() ? resultsText() : "");
  flag(part.scroll, "data-filtered", isFiltered());
  drawJumpButton();
}

function drawJumpButton() {
  part["jump-to-latest"].hidden = log.size() === 0 || (newer === null && log.isStuck());
  write(part["jump-to-latest-text"], unreadCount ? texts.latest_count.replace("{count}", unreadCount) : texts.latest);
}

async function fetchPage(params, signal) {
  for (let misses = 0; ; misses += 1) {
    try {
      const query = new URLSearchParams({ ...historyFilter, ...params });
      return (await request("GET", `${path}?${query}`, { signal })).data;
    } catch (problem) {
      if (signal.aborted || !(problem instanceof Problem) || !problem.retryable) throw problem;
      await pause(Math.max(problem.wait, backoff(misses)));
    }
  }
}

/** Load a page of the history and call `onPage(page)`. A later call aborts this one. Returns the page, or null if it failed. */
async function load(params, onPage) {
  currentLoad?.abort();
  const controller = new AbortController();
  currentLoad = controller;
  try {
    const page = await fetchPage(params, controller.signal);
    if (currentLoad === controller) onPage(page);
    return page;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return null;
  } finally {
    if (currentLoad === controller) currentLoad = null;
  }
}

/** Store the scroll position for a reader who comes back to this page, unless it is the end. */
function savePosition() {
  clearTimeout(saveTimer);
  saveTimer = 0;
  history.replaceState(log.isStuck() && newer === null ? null : log.position(), "");
}

/** Show what the address names. */
async function route() {
  historyFilter = requestedFilter();
  part.filter.elements.q.value = historyFilter.q;
  part.filter.elements.player.value = historyFilter.player;
  part.filter.elements.kind.value = historyFilter.kind;
  const position = history.state?.line ? history.state : null;
  if (position && (await load({ line: position.line }, (page) => { showPage(page); log.restorePosition(position); drawJumpButton(); }))) return;
  const line = requestedLine();
  const at = new URLSearchParams(location.search).get("at");
  if (!line || !(await load({ line }, showPage))) await load(at ? { at } : {}, showPage);
}

function navigate(address) {
  savePosition();
  history.pushState(null, "", address);
  route();
}

/** Leave the search and the history, and show the end of the chat, where a sent message appears. */
function showEnd() {
  unreadCount = 0;
  // A page of the history that is being loaded would replace the end.
  if (newer !== null || isFiltered() || currentLoad) navigate(path);
  else if (location.search || location.hash) {
    savePosition();
    history.pushState(null, "", path);
  }
  drawEdges();
  log.scrollToEnd();
  // Chunks that come into view can change their height.
  requestAnimationFrame(() => { log.scrollToEnd(); drawJumpButton(); });
}

/** Save the position and load the next page above or below before the reader reaches it. */
function onScroll() {
  if (!ready) return;
  saveTimer ||= setTimeout(savePosition, SAVE_AFTER_MS);
  if (log.isStuck() && newer === null) unreadCount = 0;
  drawJumpButton();
  if (currentLoad) return;
  if (older && part.scroll.scrollTop < LOAD_DISTANCE) {
    load({ older }, (page) => { older = page.older; log.prepend(page.rows); drawEdges(); }).then((page) => page && onScroll());
  } else if (newer && part.scroll.scrollHeight - part.scroll.scrollTop - part.scroll.clientHeight < LOAD_DISTANCE) {
    load({ newer }, (page) => { newer = page.newer; log.append(page.rows); insertRecentRows(); drawEdges(); }).then((page) => page && onScroll());
  }
}

// Events

function onEvent(event) {
  if (event.type === "world") return state.scheduleRefresh();
  if (event.type === "told") return composer?.markDelivered(event.lines);
  if (event.type === "line") onLine(event);
  return undefined;
}

function onLine({ row, live }) {
  const own = composer?.confirm(row);
  recentRows.push(row);
  if (recentRows.length > MAX_RECENT_ROWS) recentRows.shift();
  if (live && row.kind.startsWith("log")) state.scheduleRefresh();
  if (!matches(row) || isTooOld(row)) return;
  if (newer !== null) {
    unreadCount += live ? 1 : 0;
    return drawJumpButton();
  }
  const wasStuck = log.isStuck();
  if (!log.insert(row)) return;
  if (own) markInGame(row.id);
  if (live) {
    if (!own) sounds.play(row.kind);
    if (row.kind === "chat" && !own) announce(`${row.who || texts.server}: ${row.text}`);
    if (!wasStuck) unreadCount += 1;
  }
  drawEdges();
}

/** Return whether a row is older than all loaded rows. It is loaded when the reader scrolls there. */
function isTooOld(row) {
  const top = log.firstRow();
  return Boolean(older && top && (row.at < top.at || (row.at === top.at && row.id < top.line)));
}

function markInGame(id) {
  log.node(id).append(element("span", { class: "row-delivered", "data-testid": "in-game" }, texts.in_game));
  if (log.isStuck()) log.scrollToEnd();
}

function listenForEvents() {
  listen(root.dataset.path, {
    after: initial.cursor,
    auth: cookie,
    onEvent,
    onLost: async () => {
      let cursor = null;
      await load({}, (page) => { cursor = page.cursor; showPage(page); });
      state.scheduleRefresh();
      return cursor;
    },
    onGone: () => {
      const note = part.note ?? part.top;
      write(note, texts.closed);
      flag(note, "data-closed", true);
    },
  });
}

// User input

part.filter.addEventListener("submit", (event) => {
  event.preventDefault();
  const query = new URLSearchParams([...new FormData(part.filter)].filter(([, value]) => value.trim()));
  if (NARROW.matches) part["filter-details"].open = false;
  navigate(query.size ? `${path}?${query}` : path);
});
part["filter-details"].firstElementChild.addEventListener("click", () => {
  // The click opens the form only after this handler.
  if (!part["filter-details"].open) requestAnimationFrame(() => part.filter.elements.q.focus());
});
part.filter.elements.kind.addEventListener("change", () => part.filter.requestSubmit());
part["clear-filter"].addEventListener("click", (event) => {
  event.preventDefault();
  navigate(path);
});
part["jump-to-latest"].addEventListener("click", () => {
  if (newer === null) {
    unreadCount = 0;
    log.scrollToEnd();
    drawJumpButton();
  } else navigate(`${path}${location.search.replace(/([?&])(at|line)=[^&]*&?/g, "$1").replace(/[?&]$/, "")}`);
  part.scroll.focus({ preventScroll: true });
});
part.days.addEventListener("click", (event) => {
  const link = event.target.closest("[data-line]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const line = Number(link.dataset.line);
  if (log.has(line) && !isFiltered()) {
    savePosition();
    history.pushState(null, "", link.href);
    log.highlight(line);
  } else navigate(link.href);
});
addEventListener("popstate", route);
closeOnEscape();

/** Enter moves the focus to the rows and then opens one, arrow keys move between rows, Escape leaves them. */
part.scroll.addEventListener("keydown", (event) => {
  if (event.target.closest("a, button")) return;
  const focused = event.target.closest(".row");
  const allRows = () => [...part.days.querySelectorAll(".row")];
  if (event.key === "Enter") {
    if (focused) focused.querySelector("[data-line]").click();
    else lastVisible(allRows())?.focus();
  } else if (focused && event.key === "Escape") part.scroll.focus();
  else if (focused && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    const rows = allRows();
    rows[rows.indexOf(focused) + (event.key === "ArrowUp" ? -1 : 1)]?.focus();
  } else return;
  event.preventDefault();
});

function lastVisible(rows) {
  const end = part.scroll.getBoundingClientRect().bottom;
  return rows.findLast((row) => row.getBoundingClientRect().bottom <= end + 1);
}
addEventListener("hashchange", () => { if (requestedLine() && !log.highlight(Number(requestedLine()))) route(); });

historyFilter = requestedFilter();
if (NARROW.matches) part["filter-details"].open = false;
showPage(initial);
ready = true;
listenForEvents();
onScroll();
setInterval(() => log.updateDayTitles(), DAY_TITLES_REFRESH_MS);
if (history.state?.line || (requestedLine() && !log.has(Number(requestedLine())))) route();
