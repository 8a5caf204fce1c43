// Games that are set up while the page is open. Their cards come from the page as the server makes it now.

import { see } from "./api.js";
import { open, Problem } from "./http.js";

const LOOK_EVERY = 60000;

/** `add(card)` for each game that `known(tag)` does not know. Returns how to stop. */
export function watchGames(known, add) {
  const life = new AbortController();
  const { signal } = life;

  async function look() {
    try {
      const { data } = await see("/games", { signal });
      if (data.every(({ tag }) => known(tag))) return;
      const page = await (await open("/", { signal })).text();
      const fresh = new DOMParser().parseFromString(page, "text/html");
      for (const card of fresh.querySelectorAll("[data-game]")) {
        if (!signal.aborted && !known(card.dataset.game)) add(document.adoptNode(card));
      }
    } catch (problem) {
      // Cut off: there is another look in a minute.
      if (!(problem instanceof Problem) && !signal.aborted) throw problem;
    }
  }

  const timer = setInterval(look, LOOK_EVERY);
  return () => {
    clearInterval(timer);
    life.abort();
  };
}
