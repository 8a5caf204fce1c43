// Three transports of a feed. Each one gets an object with:
//   url(extra)  the address with the cursor    signal       aborts the transport
//   opened()    reports the connection         take(entry)  handles an entry
//   auth        authentication: see api.js     live()       whether the feed is live
// It returns when the server closed the feed, and throws Problem, StalledStream, NoStreamSlot or EventsLost.

import { tokenRejected } from "./api.js";
import { address } from "./base-path.js";
import { open, pause, Problem, request } from "./http.js";

/** Events after the cursor are no longer stored: the document must be read again. */
export class EventsLost extends Error {}

/** The stream was open without any data: a proxy buffers it. */
export class StalledStream extends Error {}

/** Other streams of this browser use all slots. */
export class NoStreamSlot extends Error {}

const CONNECT_TIMEOUT_MS = 8000;
/** Keep-alives come every 15 s. */
const FIRST_DATA_TIMEOUT_MS = 20000;
const IDLE_TIMEOUT_MS = 40000;
/** Below the 30 s after which some proxies close a request. */
const POLL_SECONDS = 25;
/** Browsers open six connections to a server, which long polls use, too. Further feeds poll at intervals. */
const MAX_LONG_POLLS = 3;
const POLL_INTERVAL_MS = 3000;

export async function stream(feed) {
  const release = await acquireSlot();
  const cut = new AbortController();
  const stop = () => cut.abort();
  feed.signal.addEventListener("abort", stop, { once: true });
  let timer = 0;
  try {
    const response = await feed.auth.call((bearer) => open(feed.url(), {
      timeout: CONNECT_TIMEOUT_MS, signal: cut.signal,
      headers: { Accept: "text/event-stream", ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}) },
    }));
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Problem("network");
    feed.opened();
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    let received = false;
    for (;;) {
      timer = setTimeout(stop, received ? IDLE_TIMEOUT_MS : FIRST_DATA_TIMEOUT_MS);
      const { done, value } = await reader.read().catch(() => ({ done: true }));
      clearTimeout(timer);
      if (done && cut.signal.aborted && !feed.signal.aborted && !received) throw new StalledStream();
      if (done) return;
      received = true;
      rest += decoder.decode(value, { stream: true });
      const frames = rest.split(/\r?\n\r?\n/);
      rest = frames.pop();
      for (const frame of frames) dispatch(feed, frame);
    }
  } finally {
    clearTimeout(timer);
    cut.abort();
    release();
  }
}

function dispatch(feed, frame) {
  let name = "message";
  const data = [];
  for (const line of frame.split(/\r?\n/)) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  if (name === "lost") throw new EventsLost();
  if (name === "message" && data.length) feed.take(JSON.parse(data.join("\n")));
}

/** A refused WebSocket is closed with this number plus the HTTP status, and the error code as reason. */
const REFUSED = 4000;

/** Return the refusal that a close tells, otherwise a problem of the network. */
function problemFromClose({ code, reason }) {
  const status = code - REFUSED;
  return status >= 400 && status < 600 ? Object.assign(new Problem(reason, status), { closed: true }) : new Problem("network");
}

/**
 * A refused ticket says nothing about the token, which was valid for the ticket: a restarted server does not know
 * the ticket. Another one is tried, then the next transport.
 */
export async function socket(feed) {
  for (let retries = 0; ; retries += 1) {
    try {
      return await openSocket(feed);
    } catch (problem) {
      const isTicketRefused = feed.auth.renew && problem instanceof Problem && tokenRejected(problem) && problem.closed;
      if (!isTicketRefused) throw problem;
      if (retries > 0) throw new Problem("network");
    }
  }
}

async function openSocket(feed) {
  const ticket = await feed.auth.ticket({ timeout: CONNECT_TIMEOUT_MS, signal: feed.signal });
  const url = new URL(address(feed.url(ticket)), location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  await new Promise((resolve, reject) => {
    const ws = new WebSocket(url);
    let open = false;
    const timer = setTimeout(() => ws.close(), CONNECT_TIMEOUT_MS);
    const end = () => {
      if (ws.readyState === WebSocket.CONNECTING) ws.onopen = () => ws.close();
      else ws.close();
      resolve();
    };
    feed.signal.addEventListener("abort", end, { once: true });
    ws.onclose = (event) => {
      clearTimeout(timer);
      if (open) resolve();
      else reject(problemFromClose(event));
    };
    ws.onmessage = (message) => {
      if (feed.signal.aborted) return;
      const messageData = JSON.parse(message.data);
      if (!open) {
        open = true;
        clearTimeout(timer);
        feed.opened();
      }
      if (messageData.type === "lost") {
        ws.close();
        reject(new EventsLost());
      } else if ("event" in messageData) feed.take(messageData);
    };
  });
}

let longPolls = 0;

/** One poll; the feed repeats it. The first one returns at once, which shows that the connection works. */
export async function poll(feed) {
  const long = feed.live() && longPolls < MAX_LONG_POLLS;
  const wait = long ? POLL_SECONDS : 0;
  longPolls += long;
  try {
    if (feed.live() && !long) await pause(POLL_INTERVAL_MS);
    const answer = await feed.auth.call((bearer) => request("GET", feed.url({ wait }), { bearer, signal: feed.signal, timeout: CONNECT_TIMEOUT_MS + wait * 1000 }));
    feed.opened();
    if (answer.lost) throw new EventsLost();
    for (const entry of answer.data) feed.take(entry);
  } finally {
    longPolls -= long;
  }
}

// Browsers open six connections to a plain HTTP server, over all tabs. Streams share three slots; a feed
// without a slot uses a WebSocket. Locks need HTTPS or localhost; without them each tab has one slot.
const STREAM_SLOTS = 3;
let streams = 0;

async function acquireSlot() {
  if (!navigator.locks) {
    if (streams >= 1) throw new NoStreamSlot();
    streams += 1;
    return once(() => { streams -= 1; });
  }
  for (let i = 0; i < STREAM_SLOTS; i += 1) {
    const release = await acquireSlotNumber(i);
    if (release) return release;
  }
  throw new NoStreamSlot();
}

const acquireSlotNumber = (i) => new Promise((resolve) => {
  navigator.locks.request(`coalserver.stream-${i}`, { ifAvailable: true }, (lock) => {
    if (!lock) return resolve(null);
    return new Promise((release) => { resolve(once(release)); });
  });
});

function once(work) {
  let done = false;
  return () => { if (!done) { done = true; work(); } };
}
