// A page of a world: keeps the state of the world up to date.

import { cookie } from "./api.js";
import { listen } from "./feed.js";
import { open, Problem, request } from "./http.js";
import { localizeTimes } from "./times.js";
import { mountState } from "./world-state.js";

const root = document.querySelector("[data-ref=world]");

/** Bursts of lines cause one reading of the page. */
const REREAD_MS = 1000;
const lagOf = (world) => JSON.stringify([world?.status, world?.lag]);

async function readPage() {
  const response = await open(root.dataset.path);
  const page = await response.text().catch(() => { throw new Problem("network"); });
  return new DOMParser().parseFromString(page, "text/html");
}

/** Read the reports of a crash again from the page: they are not part of its state. */
async function refreshCrash(world) {
  const section = document.querySelector("[data-ref=crash]");
  const at = String(world.hosted?.failed_at ?? "");
  if (!section || Number(section.dataset.at) === Number(at)) return;
  section.dataset.at = at;
  try {
    const updated = (await readPage()).querySelector("[data-ref=crash]");
    if (updated) section.replaceWith(document.adoptNode(updated));
    localizeTimes();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // Tried again at the next refresh.
    section.dataset.at = "-1";
  }
}

let rereadTimer = 0;
let isStale = false;

/**
 * Read lag and recent activity again from the page: they are not part of its state, or shown by it alone.
 * A hidden page is read when it is shown.
 */
async function reread() {
  rereadTimer = 0;
  isStale = document.visibilityState !== "visible";
  if (isStale) return;
  try {
    const page = await readPage();
    for (const part of document.querySelectorAll("[data-reread]")) {
      const updated = page.getElementById(part.id);
      if (updated && !part.contains(document.activeElement)) part.replaceChildren(...document.adoptNode(updated).childNodes);
    }
    localizeTimes();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // Tried again at the next refresh.
    lag = "";
  }
}

function scheduleReread() {
  if (!rereadTimer) rereadTimer = setTimeout(reread, REREAD_MS);
}

const state = mountState((world) => {
  refreshCrash(world);
  if (lag !== lagOf(world)) scheduleReread();
  lag = lagOf(world);
});
let lag = lagOf(state.world());
document.addEventListener("visibilitychange", () => { if (isStale) scheduleReread(); });
listen(root.dataset.path, {
  after: Number(root.dataset.cursor),
  auth: cookie,
  onEvent: (event) => {
    if (event.type === "world" || event.row?.kind.startsWith("log")) state.scheduleRefresh();
    if (event.row) scheduleReread();
  },
  onLost: async () => {
    state.scheduleRefresh();
    scheduleReread();
    return (await request("GET", root.dataset.path)).cursor;
  },
  // The world was archived or deleted, or may not be read any more: the server knows where to go instead.
  onGone: () => location.reload(),
});
