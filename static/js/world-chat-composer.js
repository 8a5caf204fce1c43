// Sends messages to a world and shows their state: sent, delivered to the game, shown in the game. A message is
// repeated under one idempotency key until the server answers, also after connection losses, restarts and reloads.

import { element, write } from "./dom.js";
import { backoff, newKey, open, pause, Problem } from "./http.js";

/** The server keeps idempotency keys for a day; older messages must not be sent again. */
const MAX_AGE_MS = 20 * 3600 * 1000;
/** A delivered message that is not in the log after this time is marked as unconfirmed. */
const UNCONFIRMED_AFTER_MS = 60000;
const FAILED_STATES = ["failed", "signed_out", "too_long"];

const normalize = (text) => text.replace(/\s+/g, " ").trim();
const hasFailed = (item) => FAILED_STATES.includes(item.state);

/**
 * `onResize()` is called when the list has changed its height, `onSend()` when the reader sends a message.
 * Returns {confirm, markDelivered, setRunning}.
 */
export function mountComposer({ form, input, list, path, me, texts, running, onResize, onSend }) {
  const itemsKey = `coalserver.saying ${path}`;
  const draftKey = `coalserver.draft ${path}`;
  const items = [];
  const deliveredLines = new Set();
  let worldRuns = running;
  let csrfToken = form.elements.csrf_token.value;
  let sending = false;

  /** Store the text of the input: it survives a reload, and a phone that discards the tab. */
  function saveDraft() {
    try {
      if (input.value) sessionStorage.setItem(draftKey, JSON.stringify({ by: me.name, text: input.value }));
      else sessionStorage.removeItem(draftKey);
    } catch { /* storage is blocked: kept until the page is closed */ }
  }

  function loadDraft() {
    try {
      const draft = JSON.parse(sessionStorage.getItem(draftKey));
      return draft?.by === me.name ? draft.text : "";
    } catch {
      return "";
    }
  }

  function loadItems() {
    try {
      return (JSON.parse(sessionStorage.getItem(itemsKey)) ?? []).filter((item) => item.at > Date.now() - MAX_AGE_MS && item.by === me.name);
    } catch {
      return [];
    }
  }

  function saveItems() {
    try {
      sessionStorage.setItem(itemsKey, JSON.stringify(items.filter((item) => item.state === "sending").map(({ key, text, at, by }) => ({ key, text, at, by }))));
    } catch { /* storage is blocked: kept until the page is closed */ }
  }

  function draw(item) {
    item.node.dataset.state = item.state;
    write(item.stateNode, item.state === "sent" && !worldRuns ? texts.queued : texts[item.state]);
  }

  function setState(item, state) {
    item.state = state;
    draw(item);
    saveItems();
    if (state === "delivered") setTimeout(() => { if (items.includes(item) && item.state === "delivered") setState(item, "unconfirmed"); }, UNCONFIRMED_AFTER_MS);
  }

  function add(item) {
    item.stateNode = element("span", { class: "sending-state", "data-testid": "sending-state" });
    item.node = element("li", { class: "sending-item", "data-testid": "sending" },
      element("bdi", { class: "row-player" }, me.name), element("span", { class: "row-text", dir: "auto" }, item.text), item.stateNode);
    items.push(item);
    list.append(item.node);
    draw(item);
    onResize();
  }

  function remove(item) {
    items.splice(items.indexOf(item), 1);
    item.node.remove();
    saveItems();
    onResize();
  }

  async function send(item) {
    const body = new URLSearchParams({ csrf_token: csrfToken, chat: item.text });
    const response = await open(path, { method: "POST", headers: { Accept: "application/json", "Idempotency-Key": item.key }, body });
    return response.json().catch(() => { throw new Problem("network"); });
  }

  const nextItem = () => items.find((item) => item.state === "sending");

  async function sendAll() {
    if (sending) return;
    sending = true;
    let misses = 0;
    for (let item = nextItem(); item; item = nextItem()) {
      try {
        const answer = await send(item);
        misses = 0;
        if (answer.line === null) remove(item);
        else {
          item.line = answer.line;
          worldRuns = !answer.kept;
          if (items.includes(item)) setState(item, deliveredLines.has(item.line) ? "delivered" : "sent");
        }
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.payload?.csrf_token && problem.payload.csrf_token !== csrfToken) csrfToken = problem.payload.csrf_token;
        else if (problem.retryable) {
          write(item.stateNode, texts.waiting);
          await pause(Math.max(problem.wait, backoff(misses)));
          misses += 1;
        } else fail(item, problem);
      }
    }
    sending = false;
  }

  function fail(item, problem) {
    setState(item, problem.status === 401 || problem.status === 403 ? "signed_out" : problem.status === 400 ? "too_long" : "failed");
    if (!input.value) input.value = item.text;
    saveDraft();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    saveDraft();
    input.focus({ preventScroll: true });
    for (const item of items.filter(hasFailed)) remove(item);
    add({ key: newKey(), text, at: Date.now(), by: me.name, state: "sending", line: null });
    saveItems();
    onSend();
    sendAll();
  });

  input.addEventListener("input", saveDraft);
  if (!input.value) input.value = loadDraft();
  for (const { line, text } of me.waiting) add({ key: "", text, at: Date.now(), by: me.name, state: "sent", line });
  for (const item of loadItems()) add({ ...item, state: "sending", line: null });
  sendAll();

  return {
    /** Remove the message that a new row of the chat shows. Returns whether there was one. */
    confirm(row) {
      if (row.kind !== "chat" || row.who !== me.name) return false;
      const item = items.find((other) => normalize(other.text) === normalize(row.text) && !hasFailed(other));
      if (item) remove(item);
      return Boolean(item);
    },
    /** Mark messages as delivered to the game, by their ids in the queue. */
    markDelivered(lines) {
      for (const line of lines) {
        deliveredLines.add(line);
        const item = items.find((other) => other.line === line);
        if (item) setState(item, "delivered");
      }
    },
    setRunning(isRunning) {
      worldRuns = isRunning;
      items.forEach((item) => { if (item.state === "sent") draw(item); });
    },
  };
}
