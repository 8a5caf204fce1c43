// Hanging a picture: chosen, dropped anywhere on the page, or pasted. Each is sent at once.

import { busy, closeOnEscape, flag, refs, write } from "./dom.js";
import { open, Problem } from "./http.js";

const texts = JSON.parse(document.getElementById("gallery-texts").textContent);
const form = document.querySelector("[data-ref=upload]");
const part = refs(form);
let csrfToken = form.elements.csrf_token.value;
let sending = false;

function say(text, wrong = false) {
  write(part.note, text);
  part.note.classList.toggle("bad", wrong);
}

const isPicture = (file) => file?.type.startsWith("image/");

async function send(file, again = true) {
  const body = new FormData();
  body.append("csrf_token", csrfToken);
  body.append("file", file);
  try {
    return await open(form.action, { method: "POST", headers: { Accept: "application/json" }, body, timeout: 120000 });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (!again || !problem.payload?.csrf_token) throw problem;
    csrfToken = problem.payload.csrf_token;
    return send(file, false);
  }
}

async function upload(file) {
  if (sending || !file) return;
  sending = true;
  busy(form, true);
  say(texts.sending);
  try {
    await send(file);
    location.assign(new URL(form.action).pathname);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    say(problem.payload?.sentence ?? (problem.status === 413 ? texts.large : problem.status === 0 ? texts.late : problem.status === 403 ? texts.long : texts.other), true);
    form.reset();
  } finally {
    sending = false;
    busy(form, false);
  }
}

part.send.hidden = true;
part.file.addEventListener("change", () => upload(part.file.files[0]));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  upload(part.file.files[0]);
});
addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find(isPicture);
  if (file) {
    event.preventDefault();
    upload(file);
  }
});
addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  flag(form, "data-over", true);
});
addEventListener("dragleave", (event) => { if (!event.relatedTarget) flag(form, "data-over", false); });
addEventListener("drop", (event) => {
  flag(form, "data-over", false);
  const file = [...event.dataTransfer.files].find(isPicture) ?? event.dataTransfer.files[0];
  if (!file) return;
  event.preventDefault();
  upload(file);
});
closeOnEscape();
