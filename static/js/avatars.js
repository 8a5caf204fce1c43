// Avatars: squares with a colour and a letter, the same as the server renders.

import { element } from "./dom.js";

const HUES = 12;

function avatarHue(name) {
  let checksum = 0;
  for (const letter of name) checksum = (checksum * 31 + letter.codePointAt(0)) % 9973;
  return checksum % HUES;
}

export function avatar(name) {
  const letter = ([...name][0] ?? "").toUpperCase();
  return element("span", { class: "avatar", "data-hue": avatarHue(name), "aria-hidden": "true" }, letter);
}
