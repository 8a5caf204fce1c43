// The link to a room, and the button that copies it.

import { address } from "./base-path.js";
import { announce, refs, write } from "./dom.js";
import { t } from "./i18n.js";

export function mountShare(root, hash) {
  const { url, copy, "copy-label": label } = refs(root);
  const defaultText = label.textContent;
  url.value = new URL(address(`/${hash}`), location.href).href;
  url.onfocus = () => url.select();
  copy.onclick = async () => {
    const copied = await toClipboard(url);
    write(label, copied ? t("Copied") : t("Selected"));
    announce(copied ? t("Link copied.") : t("Link selected. Copy it with your keyboard."));
    setTimeout(() => write(label, defaultText), 2500);
  };
}

async function toClipboard(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch { /* no HTTPS, or not allowed: use execCommand */ }
  field.focus();
  field.select();
  return document.execCommand("copy");
}
