// Settings: what can be copied with one press, and parts of a page that are read again while they wait.

import { t } from "./i18n.js";

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  const shown = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(shown.textContent);
    button.textContent = button.dataset.copied;
  } catch {
    // Without TLS a page may not write there: select it, so that one key does.
    getSelection().selectAllChildren(shown);
    button.textContent = t("Selected");
  }
  setTimeout(() => { button.textContent = label; }, 2500);
});

// Where the list of pages is wider than the screen, the page one is on is in sight.
document.querySelector(".admin-nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

const live = () => [...document.querySelectorAll("[data-live]")];
/** Longest pause between two looks, where the server does not answer. Seconds. */
const MAX_PAUSE_SECONDS = 60;
let slow = 1;

/** A part with something of the reader's in it is left alone. */
function busy(part) {
  const at = document.activeElement;
  return part.contains(at) && at.matches("input, select, textarea, button, a");
}

async function look() {
  if (document.visibilityState !== "visible" || live().every(busy)) return;
  // The page itself may be the answer to a form, which is not to be sent again.
  const answer = await fetch(live()[0].dataset.from, { headers: { Accept: "text/html" }, redirect: "error" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of live()) {
    const now = fresh.getElementById(part.id);
    if (!now || busy(part)) continue;
    // The seals of forms differ each time, and say nothing.
    if (bare(now) !== bare(part)) part.replaceWith(now);
  }
}

function bare(part) {
  return part.outerHTML.replace(/(name="csrf_token" value=")[^"]*/g, "$1");
}

function wait() {
  const parts = live();
  if (!parts.length) return;
  const seconds = Math.min(...parts.map((part) => Number(part.dataset.live)));
  setTimeout(async () => {
    try {
      await look();
      slow = 1;
    } catch {
      slow *= 2;
    }
    wait();
  }, Math.min(seconds * slow, MAX_PAUSE_SECONDS) * 1000);
}

wait();
