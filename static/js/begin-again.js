// A server that ends and begins again: the page goes on when it answers.

import { pause } from "./http.js";

/** By then the one that ends answers nobody any more. */
const ENDED_AFTER = 1000;
const LOOK_EVERY = 1000;

const after = document.querySelector("[data-begins-again]").dataset.beginsAgain;

await pause(ENDED_AFTER);
while (!(await answers())) await pause(LOOK_EVERY);
location.replace(after);

async function answers() {
  try {
    return (await fetch("/health", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
