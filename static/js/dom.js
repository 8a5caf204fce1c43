// DOM functions that all modules share. Texts are inserted as text, never as markup.

export function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Return the elements inside `root` by their data-ref; the first of each name. */
export function refs(root) {
  const found = {};
  for (const node of root.querySelectorAll("[data-ref]")) found[node.dataset.ref] ??= node;
  return found;
}

/** Return the JSON that the page has in a script element. */
export function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** Set a text. An unchanged text is not written again, which screen readers would announce. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Like write, with {placeholders} as <bdi> elements, so that a name does not change the direction of its sentence. */
export function sentence(node, text, names = {}) {
  const parts = text.split(/\{(\w+)\}/);
  const plain = parts.map((part, i) => (i % 2 ? names[part] : part)).join("");
  if (node.textContent === plain) return;
  node.replaceChildren(...parts.map((part, i) => (i % 2 ? isolated(names[part]) : part)));
}

export function isolated(text) {
  return element("bdi", {}, text);
}

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

export function flag(node, name, on) {
  node.toggleAttribute(name, Boolean(on));
}

export function busy(node, on) {
  if (on) node.setAttribute("aria-busy", "true");
  else node.removeAttribute("aria-busy");
}

/** Announce a text to screen readers only. */
export function announce(text) {
  write(document.getElementById("announcements"), text);
}

/** Close the <details> around the focus on Escape, and focus its summary. */
export function closeOnEscape(root = document) {
  root.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && !event.defaultPrevented && event.target.closest?.("details[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
    event.preventDefault();
  });
}

let hideTimer = 0;

/** Show a short message over the page, for errors without a place of their own. */
export function notice(text) {
  const box = document.getElementById("notice");
  const { text: label, close } = refs(box);
  close.onclick = () => { box.hidden = true; };
  box.hidden = false;
  write(label, text);
  clearTimeout(hideTimer);
  hideTimer = setTimeout(() => { box.hidden = true; }, 8000);
}

/** Ask a question over the page. Returns whether the player pressed the button with this label; Escape is a no. */
export function ask(text, names, label) {
  const dialog = document.getElementById("question");
  const part = refs(dialog);
  sentence(part.text, text, names);
  write(part.yes, label);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
