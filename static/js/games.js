// Games added while the page is open. Their cards come from a newly rendered page.

import { get } from "./api.js";
import { open, Problem } from "./http.js";

/** Return the cards of games for which `isKnown(tag)` is false. */
export async function newGames(isKnown, signal) {
  try {
    const { data } = await get("/games", { signal });
    if (data.every(({ tag }) => isKnown(tag))) return [];
    const answer = await open("/", { signal });
    const page = await answer.text().catch(() => { throw new Problem("network"); });
    const fresh = new DOMParser().parseFromString(page, "text/html");
    return [...fresh.querySelectorAll("[data-game]")].filter((card) => !isKnown(card.dataset.game));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return [];
  }
}
