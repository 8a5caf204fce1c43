// A subscription to one feed. Tries a stream, a WebSocket, then long-polling. After a cut it resumes
// from the last event received: no event is lost or delivered twice.

import { guest, tokenRejected } from "./api.js";
import { removeFeed, report } from "./connection.js";
import { backoff, pause, Problem } from "./http.js";
import { EventsLost, NoStreamSlot, poll, StalledStream, socket, stream } from "./transports.js";

const TRANSPORTS = [stream, socket, poll];
/** Blocked transports are tried again after this time: a laptop changes networks. */
const BLOCKED_MS = 5 * 60 * 1000;
/** Attempts with a transport that has worked before others are tried. */
const PROVEN_ATTEMPTS = 4;
const NO_SLOT_MS = 60 * 1000;

/** Failures and successes of each transport, shared by all feeds of the page. */
const transportStats = new Map(TRANSPORTS.map((transport) => [transport, { failures: 0, blocked: 0, proven: false }]));

const blocked = (transport) => transportStats.get(transport).blocked > Date.now();

function failed(transport) {
  const known = transportStats.get(transport);
  known.failures += 1;
  if (known.failures >= 2) Object.assign(known, { blocked: Date.now() + BLOCKED_MS, proven: false });
}

/**
 * onEvent(event, id)  for each event, in order
 * onLost()            events are lost: read the document again, return its cursor
 * onGone(problem)     the feed does not exist (any more)
 * auth                authentication; see api.js
 */
export function listen(path, { after, onEvent, onLost, onGone, auth = guest }) {
  const end = new AbortController();
  let attempt = null;
  let cursor = after ?? -1;
  let state = "connecting";
  let retries = 0;
  let noSlotUntil = 0;

  const feed = {};
  const setState = (next) => { state = next; if (!end.signal.aborted) report(feed, next); };
  setState("connecting");
  run();

  const reconnect = () => attempt?.abort();
  const onVisible = () => { if (document.visibilityState === "visible" && state !== "live") reconnect(); };
  addEventListener("online", reconnect);
  addEventListener("offline", reconnect);
  document.addEventListener("visibilitychange", onVisible);

  return {
    close() {
      end.abort();
      attempt?.abort();
      removeEventListener("online", reconnect);
      removeEventListener("offline", reconnect);
      document.removeEventListener("visibilitychange", onVisible);
      removeFeed(feed);
    },
  };

  function usableTransports() {
    const open = TRANSPORTS.filter((transport) => (transport === poll || !blocked(transport)) && (transport !== stream || noSlotUntil < Date.now()));
    const proven = open.filter((transport) => transportStats.get(transport).proven);
    return proven.length && retries < PROVEN_ATTEMPTS ? proven.slice(0, 1) : open;
  }

  async function run() {
    while (!end.signal.aborted) {
      const opened = await tryTransports();
      if (end.signal.aborted) return;
      if (opened) {
        retries = 0;
      } else {
        setState("cut");
        await sleep(backoff(retries));
        retries += 1;
      }
    }
  }

  /** Try each usable transport once, until one opens and runs to its end. Returns whether one did. */
  async function tryTransports() {
    const failedTransports = [];
    for (const transport of usableTransports()) {
      let opened = false;
      attempt = new AbortController();
      const { signal } = attempt;
      try {
        await transport({
          signal, auth,
          url: (extra = {}) => `${path}/events?${new URLSearchParams({ "after-event-id": cursor, ...extra })}`,
          live: () => state === "live",
          opened: () => {
            if (opened || signal.aborted) return;
            opened = true;
            setState("live");
            failedTransports.forEach(failed);
            Object.assign(transportStats.get(transport), { failures: 0, blocked: 0, proven: transport !== poll });
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
          return tryTransports();
        }
        if (error instanceof StalledStream) failed(transport);
        else if (!(error instanceof Problem)) throw error;
        else if (!error.retryable) return handleRejection(error);
        else if (error.wait) await sleep(error.wait);
      }
      if (end.signal.aborted) return true;
      if (opened && transport !== poll) {
        setState("cut");
        await sleep(Math.random() * 200);
      }
      if (opened || signal.aborted) return opened;
      failedTransports.push(transport);
    }
    return false;
  }

  async function resync() {
    try {
      cursor = (await onLost()) ?? cursor;
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      return problem.retryable ? false : handleRejection(problem);
    }
  }

  /** 400 means a cursor that the server did not issue, as after a restored backup: read the document again. */
  async function handleRejection(problem) {
    if (tokenRejected(problem) && auth.renew) return auth.renew().then(() => false, () => false);
    if (problem.status === 400) return resync();
    end.abort();
    removeFeed(feed);
    onGone?.(problem);
    return true;
  }

  function sleep(ms) {
    attempt = new AbortController();
    const { signal } = attempt;
    return Promise.race([pause(ms), new Promise((resolve) => { signal.addEventListener("abort", resolve, { once: true }); })]);
  }
}
