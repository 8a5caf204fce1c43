// Texts: what scripts say, in the language of the page. English stands in the scripts; other languages come with it.

const found = document.getElementById("texts");
const texts = found ? JSON.parse(found.textContent) : {};

/** A text in the page's language. */
export const t = (text) => texts[text] ?? text;
