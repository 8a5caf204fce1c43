// Games added while the page is open. Their cards come from a newly rendered page.

import { get } from "./api.js";
import { open, Problem } from "./http.js";

/** The address of the page as it was loaded: other views have other ones. */
const path = `/${location.search}`;
/** Games that the list had when the page was fetched last: those without a card are on another page of games. */
let listed = new Set();

/** Return how many rooms can be joined in games that the page does not show; null if the server does not answer. */
export async function roomsElsewhere(signal) {
  try {
    const answer = await open(path, { signal, headers: { Accept: "application/json" } });
    const counts = await answer.json().catch(() => { throw new Problem("network"); });
    return counts.rooms_elsewhere;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return null;
  }
}

/** Return the cards of games for which `isKnown(tag)` is false. */
export async function newGames(isKnown, signal) {
  try {
    const { data } = await get("/games", { signal });
    if (data.every(({ tag }) => isKnown(tag) || listed.has(tag))) return [];
    const answer = await open(path, { signal });
    const page = await answer.text().catch(() => { throw new Problem("network"); });
    listed = new Set(data.map(({ tag }) => tag));
    const fresh = new DOMParser().parseFromString(page, "text/html");
    return [...fresh.querySelectorAll("[data-game]")].filter((card) => !isKnown(card.dataset.game));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return [];
  }
}
