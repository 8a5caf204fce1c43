// Listening to one thing, for as long as it takes. Tries a stream, a WebSocket, then long-polling;
// after a cut it goes on from the last event it saw, so nothing is missed and nothing comes twice.

import { guest, tokenRejected } from "./api.js";
import { forget, report } from "./connection.js";
import { backoff, pause, Problem } from "./http.js";
import { EventsLost, NoStreamSlot, poll, StalledStream, socket, stream } from "./transports.js";

const TRANSPORTS = [stream, socket, poll];
/** Blocked ways are tried again now and then: networks change under a laptop. */
const BLOCKED_MS = 5 * 60 * 1000;
/** How often a way that has worked is tried alone before the others get a turn. */
const PROVEN_ATTEMPTS = 4;
const NO_SLOT_MS = 60 * 1000;

/** What all feeds of this page have learnt about each way. */
const transportStats = new Map(TRANSPORTS.map((way) => [way, { failures: 0, blocked: 0, proven: false }]));

const blocked = (way) => transportStats.get(way).blocked > Date.now();

function failed(way) {
  const known = transportStats.get(way);
  known.failures += 1;
  if (known.failures >= 2) Object.assign(known, { blocked: Date.now() + BLOCKED_MS, proven: false });
}

/**
 * onEvent(event, id)  for each event, in order
 * onLost()            events are gone: read the document again, return its cursor
 * onGone(problem)     there is nothing (more) to hear here
 * auth              in whose name; see api.js
 */
export function listen(path, { after, onEvent, onLost, onGone, auth = guest }) {
  const end = new AbortController();
  let attempt = null;
  let cursor = after ?? -1;
  let state = "connecting";
  let misses = 0;
  let noSlotUntil = 0;

  const feed = {};
  const become = (next) => { state = next; if (!end.signal.aborted) report(feed, next); };
  become("connecting");
  run();

  const again = () => attempt?.abort();
  const back = () => { if (document.visibilityState === "visible" && state !== "live") again(); };
  addEventListener("online", again);
  addEventListener("offline", again);
  document.addEventListener("visibilitychange", back);

  return {
    close() {
      end.abort();
      attempt?.abort();
      removeEventListener("online", again);
      removeEventListener("offline", again);
      document.removeEventListener("visibilitychange", back);
      forget(feed);
    },
  };

  function ways() {
    const open = TRANSPORTS.filter((way) => (way === poll || !blocked(way)) && (way !== stream || noSlotUntil < Date.now()));
    const proven = open.filter((way) => transportStats.get(way).proven);
    return proven.length && misses < PROVEN_ATTEMPTS ? proven.slice(0, 1) : open;
  }

  async function run() {
    while (!end.signal.aborted) {
      const opened = await round();
      if (end.signal.aborted) return;
      if (opened) {
        misses = 0;
      } else {
        become("cut");
        await sleep(backoff(misses));
        misses += 1;
      }
    }
  }

  /** Each usable way once, until one opens and runs to its end. Returns whether one did. */
  async function round() {
    const refused = [];
    for (const way of ways()) {
      let opened = false;
      attempt = new AbortController();
      const { signal } = attempt;
      try {
        await way({
          signal, auth,
          url: (extra = {}) => `${path}/events?${new URLSearchParams({ "after-event-id": cursor, ...extra })}`,
          live: () => state === "live",
          opened: () => {
            if (opened || signal.aborted) return;
            opened = true;
            become("live");
            refused.forEach(failed);
            Object.assign(transportStats.get(way), { failures: 0, blocked: 0, proven: way !== poll });
          },
          take: (entry) => {
            if (signal.aborted || entry.id <= cursor) return;
            cursor = entry.id;
            onEvent(entry.event, entry.id);
          },
        });
      } catch (error) {
        if (end.signal.aborted) return true;
        if (error instanceof EventsLost) return resync();
        if (error instanceof NoStreamSlot) {
          noSlotUntil = Date.now() + NO_SLOT_MS;
          return round();
        }
        if (error instanceof StalledStream) failed(way);
        else if (!(error instanceof Problem)) throw error;
        else if (!error.retryable) return refusal(error);
        else if (error.wait) await sleep(error.wait);
      }
      if (end.signal.aborted) return true;
      if (opened && way !== poll) {
        become("cut");
        await sleep(Math.random() * 200);
      }
      if (opened || signal.aborted) return opened;
      refused.push(way);
    }
    return false;
  }

  async function resync() {
    try {
      cursor = (await onLost()) ?? cursor;
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      return problem.retryable ? false : refusal(problem);
    }
  }

  /** 400 is a cursor the server never gave, as after restoring a backup: begin again from the document. */
  async function refusal(problem) {
    if (tokenRejected(problem) && auth.renew) return auth.renew().then(() => false, () => false);
    if (problem.status === 400) return resync();
    end.abort();
    forget(feed);
    onGone?.(problem);
    return true;
  }

  function sleep(ms) {
    attempt = new AbortController();
    const { signal } = attempt;
    return Promise.race([pause(ms), new Promise((resolve) => { signal.addEventListener("abort", resolve, { once: true }); })]);
  }
}
