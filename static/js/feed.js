// Listening to one thing, for as long as it takes. Tries a stream, a WebSocket, then long-polling;
// after a cut it goes on from the last event it saw, so nothing is missed and nothing comes twice.

import { guest, spent } from "./api.js";
import { forget, report } from "./connection.js";
import { backoff, pause, Problem } from "./http.js";
import { Lost, NoSeat, poll, Silent, socket, stream } from "./transports.js";

const WAYS = [stream, socket, poll];
/** Blocked ways are tried again now and then: networks change under a laptop. */
const BLOCKED_FOR = 5 * 60 * 1000;
/** How often a way that has worked is tried alone before the others get a turn. */
const LOYALTY = 4;
const SEATLESS_FOR = 60 * 1000;

/** What all feeds of this page have learnt about each way. */
const lore = new Map(WAYS.map((way) => [way, { failures: 0, blocked: 0, proven: false }]));

const blocked = (way) => lore.get(way).blocked > Date.now();

function failed(way) {
  const known = lore.get(way);
  known.failures += 1;
  if (known.failures >= 2) Object.assign(known, { blocked: Date.now() + BLOCKED_FOR, proven: false });
}

/**
 * heard(event, id)  for each event, in order
 * lost()            events are gone: read the document again, return its cursor
 * gone(problem)     there is nothing (more) to hear here
 * by                in whose name; see api.js
 */
export function listen(path, { after, heard, lost, gone, by = guest }) {
  const end = new AbortController();
  let attempt = null;
  let cursor = after ?? -1;
  let state = "connecting";
  let misses = 0;
  let seatless = 0;

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
    const open = WAYS.filter((way) => (way === poll || !blocked(way)) && (way !== stream || seatless < Date.now()));
    const proven = open.filter((way) => lore.get(way).proven);
    return proven.length && misses < LOYALTY ? proven.slice(0, 1) : open;
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
          signal, by,
          url: (extra = {}) => `${path}/events?${new URLSearchParams({ "after-event-id": cursor, ...extra })}`,
          live: () => state === "live",
          opened: () => {
            if (opened || signal.aborted) return;
            opened = true;
            become("live");
            refused.forEach(failed);
            Object.assign(lore.get(way), { failures: 0, blocked: 0, proven: way !== poll });
          },
          take: (entry) => {
            if (signal.aborted || entry.id <= cursor) return;
            cursor = entry.id;
            heard(entry.event, entry.id);
          },
        });
      } catch (error) {
        if (end.signal.aborted) return true;
        if (error instanceof Lost) return resync();
        if (error instanceof NoSeat) {
          seatless = Date.now() + SEATLESS_FOR;
          return round();
        }
        if (error instanceof Silent) failed(way);
        else if (!(error instanceof Problem)) throw error;
        else if (!error.passing) return refusal(error);
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
      cursor = (await lost()) ?? cursor;
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      return problem.passing ? false : refusal(problem);
    }
  }

  /** 400 is a cursor the server never gave, as after restoring a backup: begin again from the document. */
  async function refusal(problem) {
    if (spent(problem) && by.renew) return by.renew().then(() => false, () => false);
    if (problem.status === 400) return resync();
    end.abort();
    forget(feed);
    gone?.(problem);
    return true;
  }

  function sleep(ms) {
    attempt = new AbortController();
    const { signal } = attempt;
    return Promise.race([pause(ms), new Promise((resolve) => { signal.addEventListener("abort", resolve, { once: true }); })]);
  }
}
