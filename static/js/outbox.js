// Chat messages and turns that are being sent. Each path sends its items in order and repeats an item under one
// idempotency key until the server answers, also after connection losses, restarts and reloads of the page.

import { send } from "./api.js";
import { storageKey } from "./base-path.js";
import { onLive } from "./connection.js";
import { backoff, newKey, Problem } from "./http.js";
import { me } from "./identity.js";

const STORAGE_KEY = storageKey("coalserver.outbox");
/** The server keeps idempotency keys for a day; older items must not be sent again. */
const MAX_AGE_MS = 20 * 3600 * 1000;

const listeners = new Map();
const activePaths = new Set();
const wakeFunctions = new Set();
let items = load();

function load() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(STORAGE_KEY)) ?? [];
    return stored.filter((item) => item.at > Date.now() - MAX_AGE_MS && item.by === me()?.user.userId);
  } catch {
    return [];
  }
}

function save() {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(items));
  } catch { /* storage is blocked: kept until the page is closed */ }
}

/** Return the unsent items of a path, oldest first. */
export const waiting = (path) => items.filter((item) => item.path === path);

/** Call `listener({item, state: "late" | "sent" | "refused", answer, problem})` for items of a path. Returns a function that stops this. */
export function onOutbox(path, listener) {
  listeners.set(path, listener);
  return () => { if (listeners.get(path) === listener) listeners.delete(path); };
}

/** Add an item and start to send it. */
export function post(path, body) {
  const item = { key: newKey(), path, body, at: Date.now(), by: me()?.user.userId };
  items.push(item);
  save();
  sendAll(path);
  return item;
}

/** Send the items that a reload interrupted. */
export function resume() {
  for (const path of new Set(items.map((item) => item.path))) sendAll(path);
}

async function sendAll(path) {
  if (activePaths.has(path)) return;
  activePaths.add(path);
  let misses = 0;
  for (let item = waiting(path)[0]; item; item = waiting(path)[0]) {
    try {
      if (item.by !== me()?.user.userId) throw new Problem("auth.invalid", 403);
      const answer = await send("POST", path, { body: item.body, key: item.key });
      misses = 0;
      finish(item, "sent", { answer });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!problem.retryable) {
        finish(item, "refused", { problem });
        continue;
      }
      listeners.get(path)?.({ item, state: "late", problem });
      await sleep(Math.max(problem.wait, backoff(misses)));
      misses += 1;
    }
  }
  activePaths.delete(path);
}

function finish(item, state, rest) {
  items = items.filter((other) => other !== item);
  save();
  listeners.get(item.path)?.({ item, state, ...rest });
}

function sleep(ms) {
  return new Promise((resolve) => {
    const wake = () => { clearTimeout(timer); wakeFunctions.delete(wake); resolve(); };
    const timer = setTimeout(wake, ms);
    wakeFunctions.add(wake);
  });
}

onLive(() => { for (const wake of [...wakeFunctions]) wake(); });
