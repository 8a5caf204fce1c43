// Texts: what scripts say, in the language of the page. English stands in the scripts; other languages come with it.

const found = document.getElementById("texts");
const texts = found ? JSON.parse(found.textContent) : {};

/** A text in the page's language, with what is known in place of its {placeholders}; the rest stay. */
export const t = (text, known = {}) => (texts[text] ?? text).replace(/\{(\w+)\}/g, (hole, name) => String(known[name] ?? hole));
