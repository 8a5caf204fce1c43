// A page of a world: keeps the state of the world up to date.

import { cookie } from "./api.js";
import { listen } from "./feed.js";
import { open, Problem, request } from "./http.js";
import { localizeTimes } from "./times.js";
import { mountState } from "./world-state.js";

const root = document.querySelector("[data-ref=world]");

/** Read the reports of a crash again from the page: they are not part of its state. */
async function refreshCrash(world) {
  const section = document.querySelector("[data-ref=crash]");
  const at = String(world.hosted?.failed_at ?? "");
  if (!section || Number(section.dataset.at) === Number(at)) return;
  section.dataset.at = at;
  try {
    const response = await open(root.dataset.path);
    const page = await response.text().catch(() => { throw new Problem("network"); });
    const updated = new DOMParser().parseFromString(page, "text/html").querySelector("[data-ref=crash]");
    if (updated) section.replaceWith(document.adoptNode(updated));
    localizeTimes();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // Tried again at the next refresh.
    section.dataset.at = "-1";
  }
}

const state = mountState(refreshCrash);
listen(root.dataset.path, {
  after: Number(root.dataset.cursor),
  auth: cookie,
  onEvent: (event) => { if (event.type === "world" || event.row?.kind.startsWith("log")) state.scheduleRefresh(); },
  onLost: async () => {
    state.scheduleRefresh();
    return (await request("GET", root.dataset.path)).cursor;
  },
});
