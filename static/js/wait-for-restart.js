// Waits for the server to restart, then opens the page that `data-next-url` names.

import { address } from "./base-path.js";
import { pause } from "./http.js";

/** After this time, the stopping server no longer answers requests. */
const SHUTDOWN_MS = 1000;
const POLL_MS = 1000;

const nextUrl = document.querySelector("[data-next-url]").dataset.nextUrl;

await pause(SHUTDOWN_MS);
while (!(await isUp())) await pause(POLL_MS);
location.replace(nextUrl);

async function isUp() {
  try {
    return (await fetch(address("/health"), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
