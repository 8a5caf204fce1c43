// Squares that stand for people: a colour and a letter. The server finds the same ones.

import { element } from "./dom.js";

const HUES = 12;

function hueOf(name) {
  let found = 0;
  for (const letter of name) found = (found * 31 + letter.codePointAt(0)) % 9973;
  return found % HUES;
}

export function face(name) {
  const letter = ([...name][0] ?? "").toUpperCase();
  return element("span", { class: "face", "data-hue": hueOf(name), "aria-hidden": "true" }, letter);
}
