// The few touches of the page that every module needs. Text goes in as text, never as markup.

export function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** The elements inside `root` marked data-ref="…", by that name. The first of a name wins. */
export function refs(root) {
  const found = {};
  for (const node of root.querySelectorAll("[data-ref]")) found[node.dataset.ref] ??= node;
  return found;
}

/** Unchanged text is left alone, so that a screen reader does not say it again. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Like write, but {placeholders} become <bdi> elements: a name must not turn its sentence around. */
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

/** Say something to screen readers only. */
export function announce(text) {
  write(document.getElementById("say"), text);
}

/** Escape closes what was unfolded around the focus, and leaves it on what unfolds it. */
export function closeOnEscape(root = document) {
  root.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && !event.defaultPrevented && event.target.closest?.("details[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
    event.preventDefault();
  });
}

let hiding = 0;

/** A short message over the page, for what went wrong with no better place to say it. */
export function notice(text) {
  const box = document.getElementById("notice");
  const { words, close } = refs(box);
  close.onclick = () => { box.hidden = true; };
  box.hidden = false;
  write(words, text);
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, 8000);
}
