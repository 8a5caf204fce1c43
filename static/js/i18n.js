// Texts of scripts in the language of the page: English in the scripts, translations embedded in the page.

const embedded = document.getElementById("texts");
const texts = embedded ? JSON.parse(embedded.textContent) : {};

/** Return a text in the language of the page with its {placeholders} replaced; those without a value stay. */
export const t = (text, values = {}) => (texts[text] ?? text).replace(/\{(\w+)\}/g, (placeholder, name) => String(values[name] ?? placeholder));
