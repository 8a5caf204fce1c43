// Games that are set up while the page is open. Their cards come from the page as the server makes it now.

import { get } from "./api.js";
import { open, Problem } from "./http.js";

/** The cards of games that `known(tag)` does not know. */
export async function newGames(known, signal) {
  try {
    const { data } = await get("/games", { signal });
    if (data.every(({ tag }) => known(tag))) return [];
    const answer = await open("/", { signal });
    const page = await answer.text().catch(() => { throw new Problem("network"); });
    const fresh = new DOMParser().parseFromString(page, "text/html");
    return [...fresh.querySelectorAll("[data-game]")].filter((card) => !known(card.dataset.game));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return [];
  }
}
