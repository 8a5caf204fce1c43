// A page of a world: times in the reader's zone, and how the world is as it changes.

import { cookie } from "./api.js";
import { listen } from "./feed.js";
import { request } from "./http.js";
import { localTimes } from "./times.js";
import { mountState } from "./world-state.js";

const root = document.querySelector("[data-ref=world]");

localTimes();
setInterval(localTimes, 30000);
const state = mountState();
listen(root.dataset.path, {
  after: Number(root.dataset.cursor),
  auth: cookie,
  onEvent: (event) => { if (event.type === "world" || event.row?.kind.startsWith("log")) state.look(); },
  onLost: async () => {
    state.look();
    return (await request("GET", root.dataset.path)).cursor;
  },
});
