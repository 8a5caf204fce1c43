// The chat of a world: what the address asks for is shown, goes on in both directions, and is live at its end.

import { cookie } from "./api.js";
import { announce, closeOnEscape, element, flag, refs, write } from "./dom.js";
import { listen } from "./feed.js";
import { backoff, pause, Problem, request } from "./http.js";
import { localTimes } from "./times.js";
import { mountLog } from "./world-chat-log.js";
import { rowMaker } from "./world-chat-row.js";
import { mountComposer } from "./world-chat-say.js";
import { mountSounds } from "./world-chat-sounds.js";
import { mountState } from "./world-state.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
/** So far from an edge of what is there, more is fetched. */
const AHEAD = 1500;
/** Where what was found needs the room in which one asked for it. */
const NARROW = matchMedia("(max-width: 30rem)");
const KINDS = { "": null, chat: ["chat"], visit: ["login", "logout"], death: ["death"], achievement: ["achievement"] };

const root = document.querySelector("[data-ref=world]");
const part = refs(root);
const texts = read("world-chat-texts");
const first = read("world-chat-first");
const path = `${root.dataset.path}/chats`;
const { me } = first;

/** Rows heard lately, oldest first: a piece of history may have been read just before one of them came. */
const recent = [];
const RECENT = 500;
/** Browsers let an address be rewritten a few times a second. */
const SAVE_AFTER_MS = 400;

let historyFilter = {};
let older = null;
let newer = null;
let fresh = 0;
let loading = null;
let ready = false;
let saveTimer = 0;

const mine = (name) => Boolean(me?.names.includes(name));
const make = rowMaker({ path, texts, mine });
const log = mountLog({ scroll: part.scroll, days: part.days, texts, make, moved });
const sounds = mountSounds(part.sound);
const state = mountState((world) => {
  composer?.world(world.running);
  if (part.kept) part.kept.hidden = world.running;
});
const composer = me && mountComposer({
  form: part.form, input: part.input, list: part.sending, path, me, texts,
  running: state.world().running, onResize: () => { if (log.stuck()) log.toEnd(); },
});

// What is asked for

function requestedFilter() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(["q", "player", "kind"].map((name) => [name, query.get(name)?.trim() ?? ""]));
}

const moment = () => location.hash.match(/^#line-(\d+)$/)?.[1];

const fits = (row) => !historyFilter.q && (!historyFilter.player || row.who === historyFilter.player) && (!KINDS[historyFilter.kind] || KINDS[historyFilter.kind].includes(row.kind));

function showPage(piece) {
  ({ older, newer } = piece);
  fresh = 0;
  log.reset(piece.rows);
  insertRecent();
  edges();
  const line = moment();
  if (line && log.show(Number(line))) log.node(Number(line)).focus({ preventScroll: true });
}

/** At the end of history: what has been heard belongs there, too. */
function insertRecent() {
  if (newer === null) recent.filter((row) => fits(row) && !tooOld(row)).forEach((row) => log.insert(row));
}

function edges() {
  const nothing = historyFilter.q || historyFilter.player || historyFilter.kind ? texts.nothing : texts.empty;
  write(part.top, older ? texts.loading : log.empty() ? nothing : texts.beginning);
  flag(part.top, "data-empty", log.empty());
  const filtered = Boolean(historyFilter.q || historyFilter.player || historyFilter.kind);
  part.found.hidden = !filtered;
  const searchText = [historyFilter.q, historyFilter.player, KINDS[historyFilter.kind] && part.filter.elements.kind.selectedOptions[0].text].filter(Boolean).join(" · ");
  write(part["found-words"], filtered ? `${log.empty() ? texts.nothing : texts.found} ${searchText}` : "");
  flag(part.scroll, "data-filtered", filtered);
  button();
}

function button() {
  part["jump-to-latest"].hidden = log.empty() || (newer === null && log.stuck());
  write(part["jump-to-latest-text"], fresh ? texts.fresh.replace("{count}", fresh) : texts.newest);
}

async function fetchPage(more, life) {
  for (let misses = 0; ; misses += 1) {
    try {
      const query = new URLSearchParams({ ...historyFilter, ...more });
      return (await request("GET", `${path}?${query}`, { signal: life.signal })).data;
    } catch (problem) {
      if (life.signal.aborted || !(problem instanceof Problem) || !problem.retryable) throw problem;
      await pause(Math.max(problem.wait, backoff(misses)));
    }
  }
}

/** One at a time: what was asked for last counts. */
async function load(more, taken) {
  loading?.abort();
  const life = new AbortController();
  loading = life;
  try {
    const piece = await fetchPage(more, life);
    if (loading === life) taken(piece);
    return piece;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return null;
  } finally {
    if (loading === life) loading = null;
  }
}

/** For who comes back to this page: where he was, unless that was the end. */
function savePosition() {
  clearTimeout(saveTimer);
  saveTimer = 0;
  history.replaceState(log.stuck() && newer === null ? null : log.position(), "");
}

async function route() {
  historyFilter = requestedFilter();
  part.filter.elements.q.value = historyFilter.q;
  part.filter.elements.player.value = historyFilter.player;
  part.filter.elements.kind.value = historyFilter.kind;
  const kept = history.state?.line ? history.state : null;
  if (kept && (await load({ line: kept.line }, (piece) => { showPage(piece); log.restorePosition(kept); button(); }))) return;
  const line = moment();
  const at = new URLSearchParams(location.search).get("at");
  if (!line || !(await load({ line }, showPage))) await load(at ? { at } : {}, showPage);
}

function go(address) {
  savePosition();
  history.pushState(null, "", address);
  route();
}

/** More of what is above or below, before the reader gets there. */
function moved() {
  if (!ready) return;
  saveTimer ||= setTimeout(savePosition, SAVE_AFTER_MS);
  if (log.stuck() && newer === null) fresh = 0;
  button();
  if (loading) return;
  if (older && part.scroll.scrollTop < AHEAD) {
    load({ older }, (piece) => { older = piece.older; log.prepend(piece.rows); edges(); }).then((piece) => piece && moved());
  } else if (newer && part.scroll.scrollHeight - part.scroll.scrollTop - part.scroll.clientHeight < AHEAD) {
    load({ newer }, (piece) => { newer = piece.newer; log.append(piece.rows); insertRecent(); edges(); }).then((piece) => piece && moved());
  }
}

// What comes

function onEvent(event) {
  if (event.type === "world") return state.look();
  if (event.type === "told") return composer?.delivered(event.lines);
  if (event.type === "line") line(event);
  return undefined;
}

function line({ row, live }) {
  const own = composer?.confirm(row);
  recent.push(row);
  if (recent.length > RECENT) recent.shift();
  if (live && row.kind.startsWith("log")) state.look();
  if (!fits(row) || tooOld(row)) return;
  if (newer !== null) {
    fresh += live ? 1 : 0;
    return button();
  }
  const stuck = log.stuck();
  if (!log.insert(row)) return;
  if (own) markDelivered(row.id);
  if (live) {
    if (!own) sounds.play(row.kind);
    if (row.kind === "chat" && !own) announce(`${row.who || texts.server}: ${row.text}`);
    if (!stuck) fresh += 1;
  }
  edges();
}

/** Of a time before all that is there: it comes when the reader gets there. */
function tooOld(row) {
  const top = log.first();
  return Boolean(older && top && (row.at < top.at || (row.at === top.at && row.id < top.line)));
}

function markDelivered(id) {
  const node = log.node(id);
  node.append(element("span", { class: "row-in", "data-testid": "in-game" }, texts.in));
  if (log.stuck()) log.toEnd();
}

function begin() {
  listen(root.dataset.path, {
    after: first.cursor,
    auth: cookie,
    onEvent,
    onLost: async () => {
      let cursor = null;
      await load({}, (piece) => { cursor = piece.cursor; showPage(piece); });
      state.look();
      return cursor;
    },
    onGone: () => {
      const note = part.note ?? part.top;
      write(note, texts.closed);
      flag(note, "data-closed", true);
    },
  });
}

// What the reader does

part.filter.addEventListener("submit", (event) => {
  event.preventDefault();
  const query = new URLSearchParams([...new FormData(part.filter)].filter(([, value]) => value.trim()));
  if (NARROW.matches) part["filter-more"].open = false;
  go(query.size ? `${path}?${query}` : path);
});
part["filter-more"].firstElementChild.addEventListener("click", () => {
  // Opened once this click is done.
  if (!part["filter-more"].open) requestAnimationFrame(() => part.filter.elements.q.focus());
});
part.filter.elements.kind.addEventListener("change", () => part.filter.requestSubmit());
part.all.addEventListener("click", (event) => {
  event.preventDefault();
  go(path);
});
part["jump-to-latest"].addEventListener("click", () => {
  if (newer === null) {
    fresh = 0;
    log.toEnd();
    button();
  } else go(`${path}${location.search.replace(/([?&])(at|line)=[^&]*&?/g, "$1").replace(/[?&]$/, "")}`);
  part.scroll.focus({ preventScroll: true });
});
part.days.addEventListener("click", (event) => {
  const link = event.target.closest("[data-moment]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const there = Boolean(log.has(Number(link.dataset.moment)) && !historyFilter.q && !historyFilter.player && !historyFilter.kind);
  if (there) {
    savePosition();
    history.pushState(null, "", link.href);
    log.show(Number(link.dataset.moment));
  } else go(link.href);
});
addEventListener("popstate", route);
closeOnEscape();

/** Enter goes into the rows, arrows from one to the next, Enter again to the moment of one, Escape out. */
part.scroll.addEventListener("keydown", (event) => {
  if (event.target.closest("a, button")) return;
  const here = event.target.closest(".row");
  const rows = () => [...part.days.querySelectorAll(".row")];
  if (event.key === "Enter") {
    if (here) here.querySelector("[data-moment]").click();
    else lastSeen(rows())?.focus();
  } else if (here && event.key === "Escape") part.scroll.focus();
  else if (here && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    const all = rows();
    all[all.indexOf(here) + (event.key === "ArrowUp" ? -1 : 1)]?.focus();
  } else return;
  event.preventDefault();
});

function lastSeen(rows) {
  const end = part.scroll.getBoundingClientRect().bottom;
  return rows.findLast((row) => row.getBoundingClientRect().bottom <= end + 1);
}
addEventListener("hashchange", () => { if (moment() && !log.show(Number(moment()))) route(); });

historyFilter = requestedFilter();
if (NARROW.matches) part["filter-more"].open = false;
showPage(first);
ready = true;
begin();
moved();
localTimes();
setInterval(() => log.retitle(), 60000);
if (history.state?.line || (moment() && !log.has(Number(moment())))) route();
