// The rows of the chat. Names and texts are inserted as text, never as markup.

import { element, flag } from "./dom.js";
import { avatar } from "./avatars.js";
import { formatFull, formatTime, isoTime } from "./times.js";

/** Return a function that creates the node of a row. `path` is the path of the chat; `isOwn(name)` recognizes the reader's names. */
export function rowRenderer({ path, texts, isOwn }) {
  function textParts(row) {
    if (!row.found) return [row.text];
    return row.found.map((part, index) => (index % 2 ? element("mark", {}, part) : part));
  }

  function timeLink(row) {
    const link = element("a", { class: "row-time", href: `${path}?at=${row.at}#line-${row.id}`, "data-line": row.id });
    // Arrow keys move between rows; only search results are in the tab order.
    if (!row.found) link.tabIndex = -1;
    link.title = `${formatFull(row.at)}. ${texts.show_in_chat}`;
    link.append(element("time", { datetime: isoTime(row.at) }, formatTime(row.at, "clock")));
    return link;
  }

  return (row) => {
    const isEvent = row.kind !== "chat" || row.emote;
    const node = element("li", { class: "row", id: `line-${row.id}`, "data-kind": row.kind, "data-testid": "row", tabindex: "-1" });
    const player = element("bdi", { class: "row-player" }, row.who || texts.server);
    const content = element("span", { class: "row-text", dir: "auto" });
    if (row.kind === "login" || row.kind === "logout") content.append(texts[row.kind]);
    else content.append(...textParts(row));
    if (isEvent) node.append(timeLink(row), element("span", { class: "row-action" }, player, " ", content));
    else {
      const head = element("span", { class: "row-head" }, player, timeLink(row));
      if (row.site) head.append(element("span", { class: "row-badge" }, texts.web));
      node.append(avatar(row.who || "•"), head, content);
    }
    flag(node, "data-event", isEvent);
    flag(node, "data-own", isOwn(row.who));
    node.at = row.at;
    node.line = row.id;
    return node;
  };
}
