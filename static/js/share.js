// The link to a room, and the button that copies it.

import { announce, refs, write } from "./dom.js";
import { t } from "./i18n.js";

export function mountShare(root, hash) {
  const { url, copy, "copy-words": label } = refs(root);
  const rest = label.textContent;
  url.value = new URL(`/${hash}`, location.href).href;
  url.onfocus = () => url.select();
  copy.onclick = async () => {
    const copied = await toClipboard(url);
    write(label, copied ? t("Copied") : t("Selected"));
    announce(copied ? t("Link copied.") : t("Link selected. Copy it with your keyboard."));
    setTimeout(() => write(label, rest), 2500);
  };
}

async function toClipboard(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch { /* no https, or not allowed: the old way */ }
  field.focus();
  field.select();
  return document.execCommand("copy");
}
