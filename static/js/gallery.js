// Uploads to the gallery: files that are chosen, dropped on the page or pasted are sent at once.

import { busy, closeOnEscape, flag, readJson, refs, write } from "./dom.js";
import { open, Problem } from "./http.js";

const UPLOAD_TIMEOUT_MS = 120000;
const texts = readJson("gallery-texts");
const form = document.querySelector("[data-ref=upload]");
const part = refs(form);
let csrfToken = form.elements.csrf_token.value;
let uploading = false;

function showNote(text, isError = false) {
  write(part.note, text);
  part.note.classList.toggle("bad", isError);
}

const isPicture = (file) => file?.type.startsWith("image/");

/** Send a file. An expired CSRF token is replaced once by the one in the response. */
async function send(file, retry = true) {
  const body = new FormData();
  body.append("csrf_token", csrfToken);
  body.append("file", file);
  try {
    return await open(form.action, { method: "POST", headers: { Accept: "application/json" }, body, timeout: UPLOAD_TIMEOUT_MS });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (!retry || !problem.payload?.csrf_token) throw problem;
    csrfToken = problem.payload.csrf_token;
    return send(file, false);
  }
}

function errorText(problem) {
  const byStatus = { 0: texts.offline, 403: texts.expired, 413: texts.too_large };
  return problem.payload?.sentence ?? byStatus[problem.status] ?? texts.failed;
}

async function upload(file) {
  if (uploading || !file) return;
  uploading = true;
  busy(form, true);
  showNote(texts.sending);
  try {
    await send(file);
    location.assign(new URL(form.action).pathname);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showNote(errorText(problem), true);
    form.reset();
  } finally {
    uploading = false;
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
