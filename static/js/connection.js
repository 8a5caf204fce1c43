// The connection state of the page over all its feeds: the text in the header, and callbacks on changes.

import { flag, refs, write } from "./dom.js";
import { t } from "./i18n.js";

/** A stream that reconnects at once is not shown as a cut. */
const SHOW_CUT_AFTER = 350;

/** Between two views there are no feeds for a moment. */
const SHOW_IDLE_AFTER = 600;

const STATE_TEXTS = { idle: "", connecting: t("Connecting…"), live: t("Live"), cut: t("Reconnecting…") };
const states = new Map();
const events = new EventTarget();
let shownState = "idle";
let timer = 0;

/** `state`: "connecting" | "live" | "cut". */
export function report(feed, state) {
  const before = states.get(feed);
  if (before === state || (before === "cut" && state === "connecting")) return;
  states.set(feed, state);
  if (state === "live" && before === "cut") events.dispatchEvent(new Event("live"));
  show();
}

export function removeFeed(feed) {
  states.delete(feed);
  show();
}

export const isCut = () => shownState === "cut";

export function onLive(callback) {
  events.addEventListener("live", callback);
}

/** Call back with true when a cut is shown, with false when it is over. Returns a function that unsubscribes. */
export function onCut(callback) {
  const listener = () => callback(isCut());
  events.addEventListener("shown", listener);
  return () => events.removeEventListener("shown", listener);
}

function show() {
  clearTimeout(timer);
  const all = [...states.values()];
  if (all.length === 0) timer = setTimeout(() => setState("idle"), SHOW_IDLE_AFTER);
  else if (all.includes("cut")) timer = setTimeout(() => setState("cut"), SHOW_CUT_AFTER);
  else setState(all.every((state) => state === "live") ? "live" : shownState === "live" ? "live" : "connecting");
}

function setState(state) {
  if (state === shownState) return;
  shownState = state;
  const indicator = document.getElementById("connection");
  indicator.dataset.state = state;
  write(refs(indicator).text, STATE_TEXTS[state]);
  flag(document.documentElement, "data-cut", state === "cut");
  events.dispatchEvent(new Event("shown"));
}
