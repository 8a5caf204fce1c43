// A page of a world: converts times to the reader's zone and keeps the state of the world up to date.

import { cookie } from "./api.js";
import { listen } from "./feed.js";
import { request } from "./http.js";
import { localizeTimes } from "./times.js";
import { mountState } from "./world-state.js";

const TIMES_REFRESH_MS = 30000;
const root = document.querySelector("[data-ref=world]");

localizeTimes();
setInterval(localizeTimes, TIMES_REFRESH_MS);
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
