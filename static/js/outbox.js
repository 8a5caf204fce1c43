// Chat lines and turns on their way. Each is sent in order under one key until the server answers,
// through cuts, restarts and reloads of the page, and so is never lost and never doubled.

import { send } from "./api.js";
import { onLive } from "./connection.js";
import { backoff, newKey, Problem } from "./http.js";
import { me } from "./identity.js";

const STORAGE_KEY = "coalserver.outbox";
/** The server remembers keys for a day; older things must not be sent again. */
const MAX_AGE_MS = 20 * 3600 * 1000;

const listeners = new Map();
const working = new Set();
const sleepers = new Set();
let items = load();

function load() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORAGE_KEY)) ?? [];
    return kept.filter((item) => item.at > Date.now() - MAX_AGE_MS && item.by === me()?.user.userId);
  } catch {
    return [];
  }
}

function save() {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(items));
  } catch { /* storage is blocked: kept as long as the page */ }
}

/** What is on its way to `path`, oldest first. */
export const waiting = (path) => items.filter((item) => item.path === path);

/** `listener({item, state: "late" | "sent" | "refused", answer, problem})`; returns how to stop. */
export function onOutbox(path, listener) {
  listeners.set(path, listener);
  return () => { if (listeners.get(path) === listener) listeners.delete(path); };
}

export function post(path, body) {
  const item = { key: newKey(), path, body, at: Date.now(), by: me()?.user.userId };
  items.push(item);
  save();
  work(path);
  return item;
}

/** Take up what a reload interrupted. */
export function resume() {
  for (const path of new Set(items.map((item) => item.path))) work(path);
}

async function work(path) {
  if (working.has(path)) return;
  working.add(path);
  let misses = 0;
  for (let item = waiting(path)[0]; item; item = waiting(path)[0]) {
    try {
      if (item.by !== me()?.user.userId) throw new Problem("auth.invalid", 403);
      const answer = await send("POST", path, { body: item.body, key: item.key });
      misses = 0;
      done(item, "sent", { answer });
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!problem.retryable) {
        done(item, "refused", { problem });
        continue;
      }
      listeners.get(path)?.({ item, state: "late", problem });
      await wait(Math.max(problem.wait, backoff(misses)));
      misses += 1;
    }
  }
  working.delete(path);
}

function done(item, state, rest) {
  items = items.filter((other) => other !== item);
  save();
  listeners.get(item.path)?.({ item, state, ...rest });
}

function wait(ms) {
  return new Promise((resolve) => {
    const wake = () => { clearTimeout(timer); sleepers.delete(wake); resolve(); };
    const timer = setTimeout(wake, ms);
    sleepers.add(wake);
  });
}

onLive(() => { for (const wake of [...sleepers]) wake(); });
