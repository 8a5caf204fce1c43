// Saying something in a world, and what becomes of it: sent, given to the game, in the game. What has not been
// answered is tried again under one key, through cuts, restarts and reloads, and so is said once.

import { element, write } from "./dom.js";
import { backoff, newKey, open, pause, Problem } from "./http.js";

/** The server remembers keys for a day. */
const MAX_AGE_MS = 20 * 3600 * 1000;
/** After so long without coming back one should know. */
const QUIET_AFTER_MS = 60000;

const same = (one, other) => one.replace(/\s+/g, " ").trim() === other.replace(/\s+/g, " ").trim();

/** `onResize()` is told when there is more or less to see. Returns {confirm, delivered, world}. */
export function mountComposer({ form, input, list, path, me, texts, running, onResize }) {
  const place = `coalserver.saying ${path}`;
  const draft = `coalserver.draft ${path}`;
  const items = [];
  const taken = new Set();
  let runs = running;
  let csrfToken = form.elements.csrf_token.value;
  let working = false;

  /** What has been begun outlives a reload, and a tab that a phone has put away. */
  function keepDraft() {
    try {
      if (input.value) sessionStorage.setItem(draft, JSON.stringify({ by: me.name, text: input.value }));
      else sessionStorage.removeItem(draft);
    } catch { /* storage is blocked: kept as long as the page */ }
  }

  function savedDraft() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(draft));
      return kept?.by === me.name ? kept.text : "";
    } catch {
      return "";
    }
  }

  function load() {
    try {
      return (JSON.parse(sessionStorage.getItem(place)) ?? []).filter((item) => item.at > Date.now() - MAX_AGE_MS && item.by === me.name);
    } catch {
      return [];
    }
  }

  function save() {
    try {
      sessionStorage.setItem(place, JSON.stringify(items.filter((item) => item.state === "sending").map(({ key, text, at, by }) => ({ key, text, at, by }))));
    } catch { /* storage is blocked: kept as long as the page */ }
  }

  function draw(item) {
    const words = item.state === "sent" && !runs ? texts.kept : texts[item.state];
    item.node.dataset.state = item.state;
    write(item.words, words);
  }

  function setState(item, state) {
    item.state = state;
    draw(item);
    save();
    if (state === "given") setTimeout(() => { if (items.includes(item) && item.state === "given") setState(item, "quiet"); }, QUIET_AFTER_MS);
  }

  function add(item) {
    item.words = element("span", { class: "sending-state", "data-testid": "sending-state" });
    item.node = element("li", { class: "sending-item", "data-testid": "sending" },
      element("bdi", { class: "row-player" }, me.name), element("span", { class: "row-text", dir: "auto" }, item.text), item.words);
    items.push(item);
    list.append(item.node);
    draw(item);
    onResize();
  }

  function remove(item) {
    items.splice(items.indexOf(item), 1);
    item.node.remove();
    save();
    onResize();
  }

  async function send(item) {
    const body = new URLSearchParams({ csrf_token: csrfToken, chat: item.text });
    const response = await open(path, { method: "POST", headers: { Accept: "application/json", "Idempotency-Key": item.key }, body });
    return response.json().catch(() => { throw new Problem("network"); });
  }

  async function work() {
    if (working) return;
    working = true;
    let misses = 0;
    for (let item = next(); item; item = next()) {
      try {
        const answer = await send(item);
        misses = 0;
        if (answer.line === null) remove(item);
        else {
          item.line = answer.line;
          runs = !answer.kept;
          if (items.includes(item)) setState(item, taken.has(item.line) ? "given" : "sent");
        }
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (problem.payload?.csrf_token && problem.payload.csrf_token !== csrfToken) csrfToken = problem.payload.csrf_token;
        else if (problem.retryable) {
          write(item.words, texts.late);
          await pause(Math.max(problem.wait, backoff(misses)));
          misses += 1;
        } else refuse(item, problem);
      }
    }
    working = false;
  }

  const next = () => items.find((item) => item.state === "sending");

  function refuse(item, problem) {
    setState(item, problem.status === 401 || problem.status === 403 ? "signed_out" : problem.status === 400 ? "long" : "refused");
    if (!input.value) input.value = item.text;
    keepDraft();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    keepDraft();
    input.focus({ preventScroll: true });
    for (const old of items.filter((item) => ["refused", "signed_out", "long"].includes(item.state))) remove(old);
    add({ key: newKey(), text, at: Date.now(), by: me.name, state: "sending", line: null });
    save();
    work();
  });

  input.addEventListener("input", keepDraft);
  if (!input.value) input.value = savedDraft();
  for (const { line, text } of me.waiting) add({ key: "", text, at: Date.now(), by: me.name, state: "sent", line });
  for (const item of load()) add({ ...item, state: "sending", line: null });
  work();

  return {
    /** A line of the chat. True if it is what was said here. */
    confirm(row) {
      if (row.kind !== "chat" || row.who !== me.name) return false;
      const item = items.find((one) => same(one.text, row.text) && !["refused", "signed_out", "long"].includes(one.state));
      if (item) remove(item);
      return Boolean(item);
    },
    /** Lines of the queue that the game has been given. */
    delivered(lines) {
      for (const line of lines) {
        taken.add(line);
        const item = items.find((one) => one.line === line);
        if (item) setState(item, "given");
      }
    },
    world(nowRuns) {
      runs = nowRuns;
      items.forEach((item) => { if (item.state === "sent") draw(item); });
    },
  };
}
