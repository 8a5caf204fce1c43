// The state of a world on its pages: status, day, time, weather and online players.

import { element, flag, readJson, refs, write } from "./dom.js";
import { avatar } from "./avatars.js";
import { backoff, Problem, request } from "./http.js";
import { formatFull, formatTime, isoTime } from "./times.js";

/** No event reports day, time and weather: they are read at this interval. */
const REFRESH_MS = 60000;
/** Events within this time cause one request. */
const DEBOUNCE_MS = 250;
const CLOCK_REFRESH_MS = 5000;
const COUNTDOWN_MS = 1000;
const TICKS_PER_SECOND = 20;
const TICKS_PER_HOUR = 1000;
/** The game's day begins at 6:00. */
const FIRST_HOUR = 6;

/** Calls `onChange(world)` after each refresh. Returns {scheduleRefresh, world}. */
export function mountState(onChange = () => {}) {
  const root = document.querySelector("[data-ref=world]");
  const part = refs(root);
  const texts = readJson("world-texts");
  let world = readJson("world-initial");
  let readAt = Date.now();
  let refreshTimer = 0;
  let retryTimer = 0;
  let misses = 0;
  let lastRequest = 0;

  async function refresh() {
    refreshTimer = 0;
    clearTimeout(retryTimer);
    lastRequest += 1;
    const number = lastRequest;
    try {
      const { data } = await request("GET", root.dataset.path);
      // A later request may have been answered first.
      if (number !== lastRequest) return;
      misses = 0;
      world = data;
      readAt = Date.now();
      draw();
      onChange(world);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (number !== lastRequest || !problem.retryable) return;
      retryTimer = setTimeout(scheduleRefresh, Math.max(problem.wait, backoff(misses)));
      misses += 1;
    }
  }

  function scheduleRefresh() {
    if (!refreshTimer) refreshTimer = setTimeout(refresh, DEBOUNCE_MS);
  }

  function draw() {
    root.dataset.status = world.status;
    write(part.state, world.words);
    if (part.version) write(part.version, world.version || "–");
    for (const [action, possible] of Object.entries(world.may ?? {})) if (part[action]) part[action].hidden = !possible;
    drawLastContact();
    drawHosted();
    drawConditions();
    drawOnlinePlayers();
  }

  function drawLastContact() {
    const at = Math.floor(world.pinged ?? 0);
    if (!part.pinged || !at || Number(part.pinged.querySelector("time")?.dataset.at) === at) return;
    part.pinged.replaceChildren(element("time", { datetime: isoTime(at), title: formatFull(at), "data-at": at, "data-as": "ago" }, formatTime(at, "ago")));
  }

  /** What only worlds have that this server runs. */
  function drawHosted() {
    const { hosted } = world;
    if (!hosted) return;
    if (part.address) {
      write(part.address, world.address ?? "");
      part["address-row"].hidden = !world.address;
    }
    show(part.trouble, hosted.trouble);
    if (part.saving) part.saving.hidden = !hosted.saving;
    if (part.eula) part.eula.hidden = !hosted.needs_eula;
    drawCountdowns();
  }

  function drawCountdowns() {
    const { starts_in: startsIn, pauses_in: pausesIn } = world.hosted ?? {};
    const passed = (Date.now() - readAt) / 1000;
    const left = (seconds) => Math.max(0, Math.ceil(seconds - passed));
    if (startsIn) write(part.state, left(startsIn) ? texts.starts_again.replace("{seconds}", left(startsIn)) : texts.waiting_to_start);
    show(part.pauses, Number.isFinite(pausesIn) ? texts.pauses.replace("{minutes}", Math.max(1, Math.ceil(left(pausesIn) / 60))) : "");
  }

  /** Show a text, or nothing if there is none. */
  function show(node, text) {
    if (!node) return;
    write(node, text ?? "");
    node.hidden = !text;
  }

  function drawConditions() {
    if (!part.conditions) return;
    const conditions = [];
    if (world.day !== null) conditions.push(texts.day.replace("{day}", world.day));
    if (world.ticks !== null) conditions.push(worldClock());
    if (world.weather) conditions.push(world.weather);
    write(part.conditions, conditions.join(" · "));
  }

  function worldClock() {
    const passed = world.running ? ((Date.now() - readAt) / 1000) * TICKS_PER_SECOND : 0;
    const minutes = Math.floor(((world.ticks + passed) % (24 * TICKS_PER_HOUR) + FIRST_HOUR * TICKS_PER_HOUR) * 60 / TICKS_PER_HOUR);
    return `${String(Math.floor(minutes / 60) % 24).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  }

  function drawOnlinePlayers() {
    if (part.count) write(part.count, String(world.online));
    if (!part.online) return;
    const links = Boolean(part.online.dataset.links);
    const unlisted = world.online - world.there.length;
    const names = [...world.there.map((player) => player.name), unlisted].join("\n");
    if (part.online.dataset.names === names) return;
    part.online.dataset.names = names;
    part.online.replaceChildren(...world.there.map((player) => {
      const name = element("bdi", {}, player.name);
      const label = links ? element("a", { class: "player-link", href: `${root.dataset.path}/players/${encodeURIComponent(player.name)}` }, name) : name;
      const node = element("li", { class: "online-player" }, avatar(player.name), label);
      if (links && player.since !== null) {
        const time = element("time", { "data-at": player.since, "data-as": "duration" }, formatTime(player.since, "duration"));
        node.append(element("span", { class: "online-since" }, time));
      }
      flag(node, "data-you", player.you);
      return node;
    }));
    if (unlisted > 0) part.online.append(element("li", { class: "none" }, texts.more_online.replace("{count}", unlisted)));
    if (!world.online) part.online.append(element("li", { class: "none" }, texts.nobody_online));
  }

  const refreshIfVisible = () => { if (document.visibilityState === "visible") scheduleRefresh(); };

  draw();
  root.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  setInterval(drawConditions, CLOCK_REFRESH_MS);
  if (world.hosted) setInterval(drawCountdowns, COUNTDOWN_MS);
  setInterval(refreshIfVisible, REFRESH_MS);
  document.addEventListener("visibilitychange", refreshIfVisible);
  return { scheduleRefresh, world: () => world };
}
