// The worlds on the first page, read anew each minute as the server makes them now.

import { open, Problem } from "./http.js";

const REFRESH_MS = 60000;
const section = document.querySelector("[data-testid=worlds]");

async function look() {
  if (document.visibilityState !== "visible" || !section.isConnected || section.contains(document.activeElement)) return;
  try {
    const answer = await open("/");
    const page = await answer.text().catch(() => { throw new Problem("network"); });
    const fresh = new DOMParser().parseFromString(page, "text/html").querySelector("[data-testid=worlds]");
    if (fresh) section.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
  }
}

setInterval(look, REFRESH_MS);
