// Whether the page hears the server, over all its feeds: the words at the top, and a call when it is back.

import { flag, refs, write } from "./dom.js";
import { t } from "./i18n.js";

/** A stream that ends and is there again at once is nobody's concern. */
const SHOW_CUT_AFTER = 350;

/** Between one view and the next nobody listens for a moment. */
const SHOW_IDLE_AFTER = 600;

const STATE_TEXTS = { idle: "", connecting: t("Connecting…"), live: t("Live"), cut: t("Reconnecting…") };
const states = new Map();
const events = new EventTarget();
let shown = "idle";
let timer = 0;

/** `state`: "connecting" | "live" | "cut". */
export function report(feed, state) {
  const before = states.get(feed);
  if (before === state || (before === "cut" && state === "connecting")) return;
  states.set(feed, state);
  if (state === "live" && before === "cut") events.dispatchEvent(new Event("live"));
  show();
}

export function forget(feed) {
  states.delete(feed);
  show();
}

export const isCut = () => shown === "cut";

export function onLive(back) {
  events.addEventListener("live", back);
}

/** Called with true when the cut begins to show and false when it is over; returns how to stop. */
export function onCut(callback) {
  const listener = () => callback(isCut());
  events.addEventListener("shown", listener);
  return () => events.removeEventListener("shown", listener);
}

function show() {
  clearTimeout(timer);
  const all = [...states.values()];
  if (all.length === 0) timer = setTimeout(() => become("idle"), SHOW_IDLE_AFTER);
  else if (all.includes("cut")) timer = setTimeout(() => become("cut"), SHOW_CUT_AFTER);
  else become(all.every((state) => state === "live") ? "live" : shown === "live" ? "live" : "connecting");
}

function become(state) {
  if (state === shown) return;
  shown = state;
  const place = document.getElementById("connection");
  place.dataset.state = state;
  write(refs(place).words, STATE_TEXTS[state]);
  flag(document.documentElement, "data-cut", state === "cut");
  events.dispatchEvent(new Event("shown"));
}
