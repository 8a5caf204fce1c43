// The console of a hosted world: new lines by their numbers, and commands. After a cut it goes on from the last line.

import { report } from "./connection.js";
import { announce, element, readJson, refs, write } from "./dom.js";
import { backoff, open, pause, Problem, request } from "./http.js";
import { formatFull, formatTime, isoTime } from "./times.js";

const POLL_MS = 1000;
const HIDDEN_POLL_MS = 10000;
const MAX_LINES = 2000;
/** Full responses in a row after which the lines between are left out: they would be removed at once. */
const MAX_FULL_PARTS = 4;
const AT_END_PIXELS = 40;
const ANNOUNCE_MS = 3000;
const MAX_HISTORY = 100;

const root = document.querySelector("[data-ref=console]");
const part = refs(root);
const texts = readJson("console-texts");
const feed = {};
let next = Number(root.dataset.next);
let last = Number([...part.log.querySelectorAll(".console-line")].at(-1)?.dataset.number ?? 0);
let unseen = 0;
let wake = () => {};

// Lines

const isAtEnd = () => part.log.scrollHeight - part.log.scrollTop - part.log.clientHeight <= AT_END_PIXELS;

function scrollToEnd() {
  part.log.scrollTop = part.log.scrollHeight;
  unseen = 0;
  showJump();
}

function showJump() {
  const follows = isAtEnd();
  if (follows) unseen = 0;
  part.jump.hidden = follows;
  write(part.jump, unseen ? texts.latest_count.replace("{count}", unseen) : texts.latest);
}

function lineNode({ number, at, text, level }) {
  const time = element("time", { datetime: isoTime(at), title: formatFull(at) }, formatTime(at, "seconds"));
  return element("div", { class: "console-line", "data-number": number, "data-level": level || null }, time, " ", element("span", { class: "console-text", dir: "auto" }, text));
}

function append(lines, skipped) {
  const added = lines.filter((line) => line.number > last);
  if (!added.length) return;
  const follows = isAtEnd();
  last = added.at(-1).number;
  const nodes = added.map(lineNode);
  if (skipped) nodes.unshift(element("p", { class: "console-skipped" }, texts.skipped));
  part.empty.hidden = true;
  part.empty.before(...nodes);
  const shown = part.log.querySelectorAll(".console-line");
  for (let i = 0; i < shown.length - MAX_LINES; i += 1) shown[i].remove();
  for (const note of part.log.querySelectorAll(".console-skipped")) if (!note.previousElementSibling) note.remove();
  if (follows) scrollToEnd();
  else {
    unseen += added.length;
    showJump();
  }
  announceLines(added);
}

// One line in full or the number of lines, at most every few seconds: a busy console would never fall silent.

let unannounced = [];
let announceTimer = 0;

function announceLines(lines) {
  unannounced.push(...lines);
  if (announceTimer) return;
  announceTimer = setTimeout(() => {
    announce(unannounced.length === 1 ? unannounced[0].text : texts.new_lines.replace("{count}", unannounced.length));
    unannounced = [];
    announceTimer = 0;
  }, ANNOUNCE_MS);
}

// Following

async function readOn() {
  for (let parts = 0; ; parts += 1) {
    const skips = parts >= MAX_FULL_PARTS;
    const { data } = await request("GET", skips ? root.dataset.path : `${root.dataset.path}?after=${next}`);
    next = data.next;
    append(data.lines, skips);
    write(part.state, data.words);
    if (!data.more) return;
  }
}

/** Wait, until `wake` is called at the latest. */
function rest(ms) {
  return Promise.race([pause(ms), new Promise((resolve) => { wake = resolve; })]);
}

async function follow() {
  let misses = 0;
  report(feed, "connecting");
  for (;;) {
    try {
      await readOn();
      misses = 0;
      report(feed, "live");
      await rest(document.visibilityState === "visible" ? POLL_MS : HIDDEN_POLL_MS);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      report(feed, "cut");
      if (!problem.retryable) {
        showError(texts.closed);
        return;
      }
      await rest(Math.max(problem.wait, backoff(misses)));
      misses += 1;
    }
  }
}

// Commands

const { command, csrf_token: token } = part.form.elements;
const history = [];
let position = 0;
let isSending = false;

function showError(text) {
  write(part.error, text);
  part.error.hidden = !text;
}

async function send(text, retries = 1) {
  const body = new URLSearchParams({ csrf_token: token.value, command: text });
  try {
    await open(root.dataset.path, { method: "POST", headers: { Accept: "application/json" }, body });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const fresh = problem.payload?.csrf_token;
    if (fresh && fresh !== token.value && retries) {
      token.value = fresh;
      return send(text, retries - 1);
    }
    if (problem.status === 401 || problem.status === 403) return texts.closed;
    return problem.payload?.text ?? (problem.status ? texts.failed : texts.not_sent);
  }
  return "";
}

part.form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = command.value;
  if (isSending || !text.trim()) return;
  isSending = true;
  const error = await send(text);
  isSending = false;
  showError(error);
  if (error) return;
  if (history.at(-1) !== text) history.push(text);
  history.splice(0, history.length - MAX_HISTORY);
  position = history.length;
  if (command.value === text) command.value = "";
  scrollToEnd();
  wake();
});

command.addEventListener("keydown", (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || !history.length) return;
  event.preventDefault();
  position = Math.min(history.length, Math.max(0, position + step));
  command.value = history[position] ?? "";
});

part.log.addEventListener("scroll", showJump, { passive: true });
part.jump.addEventListener("click", scrollToEnd);
addEventListener("online", () => wake());
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") wake(); });
scrollToEnd();
follow();
