// Three ways to hear the same feed. Each one takes what a feed gives it:
//   url(extra)  the address with the cursor in it        signal    ends it
//   opened()    the way is open                          take(entry)
//   by          in whose name one listens: see api.js
// and settles when it is over: returns if the server ended it, throws Problem, StalledStream or EventsLost.

import { open, pause, Problem, request } from "./http.js";

/** Events before the cursor are gone: the document must be read again. */
export class EventsLost extends Error {}

/** The way was open and nothing ever came through it: a proxy holds it back. */
export class StalledStream extends Error {}

/** Other streams of this browser have taken all the connections one should take. */
export class NoStreamSlot extends Error {}

const CONNECT_TIMEOUT_MS = 8000;
/** Keep-alives come every 15 s. */
const FIRST_DATA_TIMEOUT_MS = 20000;
const IDLE_TIMEOUT_MS = 40000;
/** Under the half minute at which some proxies give up. */
const POLL_SECONDS = 25;
/** Held polls take connections too, of which a browser has six: further feeds ask every few seconds. */
const POLLS_HELD = 3;
const POLL_PAUSE = 3000;

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

export async function socket(feed) {
  const ticket = await feed.auth.ticket({ timeout: CONNECT_TIMEOUT_MS, signal: feed.signal });
  const address = new URL(feed.url(ticket), location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  await new Promise((resolve, reject) => {
    const ws = new WebSocket(address);
    let open = false;
    const timer = setTimeout(() => ws.close(), CONNECT_TIMEOUT_MS);
    const end = () => {
      if (ws.readyState === WebSocket.CONNECTING) ws.onopen = () => ws.close();
      else ws.close();
      resolve();
    };
    feed.signal.addEventListener("abort", end, { once: true });
    ws.onclose = () => { clearTimeout(timer); if (open) resolve(); else reject(new Problem("network")); };
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

let held = 0;

/** One question and its answer; the feed asks again. The first comes back at once, to tell that this works. */
export async function poll(feed) {
  const long = feed.live() && held < POLLS_HELD;
  const wait = long ? POLL_SECONDS : 0;
  held += long;
  try {
    if (feed.live() && !long) await pause(POLL_PAUSE);
    const answer = await feed.auth.call((bearer) => request("GET", feed.url({ wait }), { bearer, signal: feed.signal, timeout: CONNECT_TIMEOUT_MS + wait * 1000 }));
    feed.opened();
    if (answer.lost) throw new EventsLost();
    for (const entry of answer.data) feed.take(entry);
  } finally {
    held -= long;
  }
}

// Browsers open six connections to a plain http server, over all tabs. Streams must not take them all:
// they share three, and who finds no seat listens over a WebSocket. Locks need https (or localhost);
// without them each tab keeps to one.
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
