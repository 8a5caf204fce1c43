// Refreshes the world cards of the home page every minute, those of the page of worlds that is shown.

import { open, Problem } from "./http.js";

const REFRESH_MS = 60000;
/** The address of the page as it was loaded: other views have other ones. */
const path = `/${location.search}`;
const section = document.querySelector("[data-testid=worlds]");

async function refresh() {
  if (document.visibilityState !== "visible" || !section.isConnected || section.contains(document.activeElement)) return;
  try {
    const response = await open(path);
    const page = await response.text().catch(() => { throw new Problem("network"); });
    const updated = new DOMParser().parseFromString(page, "text/html").querySelector("[data-testid=worlds]");
    if (updated) section.replaceChildren(...[...updated.childNodes].map((node) => document.adoptNode(node)));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
  }
}

setInterval(refresh, REFRESH_MS);
