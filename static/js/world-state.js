// How a world is, kept true on the page: its state, its sky, and who is in it.

import { element, flag, refs, write } from "./dom.js";
import { avatar } from "./avatars.js";
import { backoff, Problem, request } from "./http.js";
import { timeText } from "./times.js";

/** Day, time and weather come over no feed. */
const REFRESH_MS = 60000;
/** What comes together is looked at once. */
const SETTLE = 250;
const TICKS_A_SECOND = 20;
const HOUR = 1000;
const DAWN = 6;

const read = (id) => JSON.parse(document.getElementById(id).textContent);

/** `changed(world)` whenever it was read anew. Returns {look, world}. */
export function mountState(changed = () => {}) {
  const root = document.querySelector("[data-ref=world]");
  const part = refs(root);
  const texts = read("world-texts");
  let world = read("world-first");
  let at = Date.now();
  let due = 0;
  let again = 0;
  let misses = 0;
  let newest = 0;

  async function refresh() {
    due = 0;
    clearTimeout(again);
    newest += 1;
    const number = newest;
    try {
      const { data } = await request("GET", root.dataset.path);
      // Of two that are under way the later one counts.
      if (number !== newest) return;
      misses = 0;
      world = data;
      at = Date.now();
      draw();
      changed(world);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (number !== newest || !problem.retryable) return;
      again = setTimeout(look, Math.max(problem.wait, backoff(misses)));
      misses += 1;
    }
  }

  function look() {
    if (!due) due = setTimeout(refresh, SETTLE);
  }

  function draw() {
    root.dataset.status = world.status;
    write(part.state, world.words);
    if (part.version) write(part.version, world.version || "–");
    for (const [name, on] of Object.entries(world.may ?? {})) if (part[name]) part[name].hidden = !on;
    sky();
    crowd();
  }

  function sky() {
    if (!part.sky) return;
    const words = [];
    if (world.day !== null) words.push(texts.day.replace("{day}", world.day));
    if (world.ticks !== null) words.push(clock());
    if (world.weather) words.push(world.weather);
    write(part.sky, words.join(" · "));
  }

  function clock() {
    const passed = world.running ? ((Date.now() - at) / 1000) * TICKS_A_SECOND : 0;
    const minutes = Math.floor(((world.ticks + passed) % (24 * HOUR) + DAWN * HOUR) * 60 / HOUR);
    return `${String(Math.floor(minutes / 60) % 24).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  }

  function crowd() {
    if (part.count) write(part.count, String(world.there.length));
    if (!part.there) return;
    const links = Boolean(part.there.dataset.links);
    const names = world.there.map((one) => one.name).join("\n");
    if (part.there.dataset.names === names) return;
    part.there.dataset.names = names;
    part.there.replaceChildren(...world.there.map((one) => {
      const name = element("bdi", {}, one.name);
      const who = links ? element("a", { class: "person", href: `${root.dataset.path}/players/${encodeURIComponent(one.name)}` }, name) : name;
      const node = element("li", { class: "crowd-item" }, avatar(one.name), who);
      if (links && one.since !== null) {
        const time = element("time", { "data-at": one.since, "data-as": "since" }, timeText(one.since, "since"));
        node.append(element("span", { class: "crowd-since" }, time));
      }
      flag(node, "data-you", one.you);
      return node;
    }));
    if (!world.there.length) part.there.append(element("li", { class: "none" }, texts.nobody));
  }

  draw();
  root.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  setInterval(sky, 5000);
  setInterval(() => { if (document.visibilityState === "visible") look(); }, REFRESH_MS);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") look(); });
  return { look, world: () => world };
}
