// Pages of settings: copy buttons, and sections that refresh themselves.

import { t } from "./i18n.js";
import { localizeTimes } from "./times.js";

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = button.dataset.copied;
  } catch {
    // Without TLS pages cannot write to the clipboard: select the text instead.
    getSelection().selectAllChildren(source);
    button.textContent = t("Selected");
  }
  setTimeout(() => { button.textContent = label; }, 2500);
});

// Scroll the navigation to the current page if it is wider than the screen.
document.querySelector(".admin-nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

const liveSections = () => [...document.querySelectorAll("[data-live]")];
/** Longest pause between two refreshes while the server does not respond. */
const MAX_PAUSE_SECONDS = 60;
let delayFactor = 1;

/** Return whether the section is in use, and so is not refreshed: it has the focus, or something is unfolded. */
function isInUse(part) {
  const at = document.activeElement;
  const hasFocus = part.contains(at) && at.matches("input, select, textarea, button, a, summary");
  return hasFocus || part.querySelector("details[open]") !== null;
}

async function refresh() {
  if (document.visibilityState !== "visible" || liveSections().every(isInUse)) return;
  // The page itself can be the response to a POST, which must not be repeated.
  const answer = await fetch(liveSections()[0].dataset.from, { headers: { Accept: "text/html" }, redirect: "error" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of liveSections()) {
    const now = fresh.getElementById(part.id);
    if (!now || isInUse(part)) continue;
    // CSRF tokens differ on each response.
    if (withoutToken(now) === withoutToken(part)) continue;
    part.replaceWith(now);
    localizeTimes(now);
  }
}

function withoutToken(part) {
  return part.outerHTML.replace(/(name="csrf_token" value=")[^"]*/g, "$1");
}

function scheduleRefresh() {
  const parts = liveSections();
  if (!parts.length) return;
  const seconds = Math.min(...parts.map((part) => Number(part.dataset.live)));
  setTimeout(async () => {
    try {
      await refresh();
      delayFactor = 1;
    } catch {
      delayFactor *= 2;
    }
    scheduleRefresh();
  }, Math.min(seconds * delayFactor, MAX_PAUSE_SECONDS) * 1000);
}

scheduleRefresh();
