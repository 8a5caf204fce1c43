// A page of a world: keeps the state of the world up to date.

import { cookie } from "./api.js";
import { listen } from "./feed.js";
import { request } from "./http.js";
import { mountState } from "./world-state.js";

const root = document.querySelector("[data-ref=world]");

const state = mountState();
listen(root.dataset.path, {
  after: Number(root.dataset.cursor),
  auth: cookie,
  onEvent: (event) => { if (event.type === "world" || event.row?.kind.startsWith("log")) state.scheduleRefresh(); },
  onLost: async () => {
    state.scheduleRefresh();
    return (await request("GET", root.dataset.path)).cursor;
  },
});
