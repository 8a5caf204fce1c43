// The chat of a world: what the address asks for is shown, goes on in both directions, and is live at its end.

import { cookie } from "./api.js";
import { announce, closeOnEscape, element, flag, refs, write } from "./dom.js";
import { listen } from "./feed.js";
import { backoff, pause, Problem, request } from "./http.js";
import { localTimes } from "./times.js";
import { mountLog } from "./talk-log.js";
import { rowMaker } from "./talk-row.js";
import { mountSaying } from "./talk-say.js";
import { mountSounds } from "./talk-sounds.js";
import { mountState } from "./world-state.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
/** So far from an edge of what is there, more is fetched. */
const AHEAD = 1500;
/** Where what was found needs the room in which one asked for it. */
const NARROW = matchMedia("(max-width: 30rem)");
const KINDS = { "": null, chat: ["chat"], visit: ["login", "logout"], death: ["death"], achievement: ["achievement"] };

const root = document.querySelector("[data-ref=world]");
const part = refs(root);
const texts = read("talk-texts");
const first = read("talk-first");
const path = `${root.dataset.path}/chats`;
const { me } = first;

/** Rows heard lately, oldest first: a piece of history may have been read just before one of them came. */
const recent = [];
const RECENT = 500;
/** Browsers let an address be rewritten a few times a second. */
const KEEP_AFTER = 400;

let sieve = {};
let older = null;
let newer = null;
let fresh = 0;
let loading = null;
let ready = false;
let keeping = 0;

const mine = (name) => Boolean(me?.names.includes(name));
const make = rowMaker({ path, texts, mine });
const log = mountLog({ scroll: part.scroll, days: part.days, texts, make, moved });
const sounds = mountSounds(part.sound);
const state = mountState((world) => {
  saying?.world(world.running);
  if (part.kept) part.kept.hidden = world.running;
});
const saying = me && mountSaying({
  form: part.form, input: part.input, list: part.sending, path, me, texts,
  running: state.world().running, grown: () => { if (log.stuck()) log.toEnd(); },
});

// What is asked for

function asked() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(["q", "player", "kind"].map((name) => [name, query.get(name)?.trim() ?? ""]));
}

const moment = () => location.hash.match(/^#line-(\d+)$/)?.[1];

const fits = (row) => !sieve.q && (!sieve.player || row.who === sieve.player) && (!KINDS[sieve.kind] || KINDS[sieve.kind].includes(row.kind));

function take(piece) {
  ({ older, newer } = piece);
  fresh = 0;
  log.reset(piece.rows);
  catchUp();
  edges();
  const line = moment();
  if (line && log.show(Number(line))) log.node(Number(line)).focus({ preventScroll: true });
}

/** At the end of history: what has been heard belongs there, too. */
function catchUp() {
  if (newer === null) recent.filter((row) => fits(row) && !tooOld(row)).forEach((row) => log.come(row));
}

function edges() {
  const nothing = sieve.q || sieve.player || sieve.kind ? texts.nothing : texts.empty;
  write(part.top, older ? texts.loading : log.empty() ? nothing : texts.beginning);
  flag(part.top, "data-empty", log.empty());
  const sieved = Boolean(sieve.q || sieve.player || sieve.kind);
  part.found.hidden = !sieved;
  const sought = [sieve.q, sieve.player, KINDS[sieve.kind] && part.sieve.elements.kind.selectedOptions[0].text].filter(Boolean).join(" · ");
  write(part["found-words"], sieved ? `${log.empty() ? texts.nothing : texts.found} ${sought}` : "");
  flag(part.scroll, "data-sieved", sieved);
  button();
}

function button() {
  part["to-now"].hidden = log.empty() || (newer === null && log.stuck());
  write(part["to-now-words"], fresh ? texts.fresh.replace("{count}", fresh) : texts.newest);
}

async function fetchPiece(more, life) {
  for (let misses = 0; ; misses += 1) {
    try {
      const query = new URLSearchParams({ ...sieve, ...more });
      return (await request("GET", `${path}?${query}`, { signal: life.signal })).data;
    } catch (problem) {
      if (life.signal.aborted || !(problem instanceof Problem) || !problem.passing) throw problem;
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
    const piece = await fetchPiece(more, life);
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
function keepPlace() {
  clearTimeout(keeping);
  keeping = 0;
  history.replaceState(log.stuck() && newer === null ? null : log.place(), "");
}

async function route() {
  sieve = asked();
  part.sieve.elements.q.value = sieve.q;
  part.sieve.elements.player.value = sieve.player;
  part.sieve.elements.kind.value = sieve.kind;
  const kept = history.state?.line ? history.state : null;
  if (kept && (await load({ line: kept.line }, (piece) => { take(piece); log.putBack(kept); button(); }))) return;
  const line = moment();
  const at = new URLSearchParams(location.search).get("at");
  if (!line || !(await load({ line }, take))) await load(at ? { at } : {}, take);
}

function go(address) {
  keepPlace();
  history.pushState(null, "", address);
  route();
}

/** More of what is above or below, before the reader gets there. */
function moved() {
  if (!ready) return;
  keeping ||= setTimeout(keepPlace, KEEP_AFTER);
  if (log.stuck() && newer === null) fresh = 0;
  button();
  if (loading) return;
  if (older && part.scroll.scrollTop < AHEAD) {
    load({ older }, (piece) => { older = piece.older; log.prepend(piece.rows); edges(); }).then((piece) => piece && moved());
  } else if (newer && part.scroll.scrollHeight - part.scroll.scrollTop - part.scroll.clientHeight < AHEAD) {
    load({ newer }, (piece) => { newer = piece.newer; log.append(piece.rows); catchUp(); edges(); }).then((piece) => piece && moved());
  }
}

// What comes

function heard(event) {
  if (event.type === "world") return state.look();
  if (event.type === "told") return saying?.told(event.lines);
  if (event.type === "line") line(event);
  return undefined;
}

function line({ row, live }) {
  const own = saying?.heard(row);
  recent.push(row);
  if (recent.length > RECENT) recent.shift();
  if (live && row.kind.startsWith("log")) state.look();
  if (!fits(row) || tooOld(row)) return;
  if (newer !== null) {
    fresh += live ? 1 : 0;
    return button();
  }
  const stuck = log.stuck();
  if (!log.come(row)) return;
  if (own) said(row.id);
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

function said(id) {
  const node = log.node(id);
  node.append(element("span", { class: "row-in", "data-testid": "in-game" }, texts.in));
  if (log.stuck()) log.toEnd();
}

function begin() {
  listen(root.dataset.path, {
    after: first.cursor,
    by: cookie,
    heard,
    lost: async () => {
      let cursor = null;
      await load({}, (piece) => { cursor = piece.cursor; take(piece); });
      state.look();
      return cursor;
    },
    gone: () => {
      const note = part.note ?? part.top;
      write(note, texts.closed);
      flag(note, "data-closed", true);
    },
  });
}

// What the reader does

part.sieve.addEventListener("submit", (event) => {
  event.preventDefault();
  const query = new URLSearchParams([...new FormData(part.sieve)].filter(([, value]) => value.trim()));
  if (NARROW.matches) part["sieve-more"].open = false;
  go(query.size ? `${path}?${query}` : path);
});
part["sieve-more"].firstElementChild.addEventListener("click", () => {
  // Opened once this click is done.
  if (!part["sieve-more"].open) requestAnimationFrame(() => part.sieve.elements.q.focus());
});
part.sieve.elements.kind.addEventListener("change", () => part.sieve.requestSubmit());
part.all.addEventListener("click", (event) => {
  event.preventDefault();
  go(path);
});
part["to-now"].addEventListener("click", () => {
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
  const there = Boolean(log.has(Number(link.dataset.moment)) && !sieve.q && !sieve.player && !sieve.kind);
  if (there) {
    keepPlace();
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

sieve = asked();
if (NARROW.matches) part["sieve-more"].open = false;
take(first);
ready = true;
begin();
moved();
localTimes();
setInterval(() => log.retitle(), 60000);
if (history.state?.line || (moment() && !log.has(Number(moment())))) route();
