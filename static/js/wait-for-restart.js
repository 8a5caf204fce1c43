// A server that ends and begins again: the page goes on when it answers.

import { pause } from "./http.js";

/** By then the one that ends answers nobody any more. */
const SHUTDOWN_MS = 1000;
const POLL_MS = 1000;

const nextUrl = document.querySelector("[data-next-url]").dataset.nextUrl;

await pause(SHUTDOWN_MS);
while (!(await isUp())) await pause(POLL_MS);
location.replace(nextUrl);

async function isUp() {
  try {
    return (await fetch("/health", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
