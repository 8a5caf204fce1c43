// One row of the chat: who said or did what, and when. Text goes in as text, never as markup.

import { element, flag } from "./dom.js";
import { avatar } from "./avatars.js";
import { clockOf, iso, momentOf } from "./times.js";

/** `path` is the chat's own; `mine(name)` tells the reader's own names. */
export function rowMaker({ path, texts, mine }) {
  function words(row) {
    if (!row.found) return [row.text];
    return row.found.map((piece, index) => (index % 2 ? element("mark", {}, piece) : piece));
  }

  function time(row) {
    const link = element("a", { class: "row-time", href: `${path}?at=${row.at}#line-${row.id}`, "data-moment": row.id });
    // Not each row of a long chat stops the tabulator: arrow keys lead through them. What was found does.
    if (!row.found) link.tabIndex = -1;
    link.title = `${momentOf(row.at)}. ${texts.moment}`;
    link.append(element("time", { datetime: iso(row.at) }, clockOf(row.at)));
    return link;
  }

  return (row) => {
    const quiet = row.kind !== "chat";
    const node = element("li", { class: "row", id: `line-${row.id}`, "data-kind": row.kind, "data-testid": "row", tabindex: "-1" });
    const who = element("bdi", { class: "row-player" }, row.who || texts.server);
    const content = element("span", { class: "row-text", dir: "auto" });
    if (row.kind === "login" || row.kind === "logout") content.append(texts[row.kind]);
    else content.append(...words(row));
    if (quiet || row.emote) node.append(time(row), element("span", { class: "row-action" }, who, " ", content));
    else {
      const head = element("span", { class: "row-head" }, who, time(row));
      if (row.site) head.append(element("span", { class: "row-mark" }, texts.site));
      node.append(avatar(row.who || "•"), head, content);
    }
    flag(node, "data-quiet", quiet || row.emote);
    flag(node, "data-mine", mine(row.who));
    node.at = row.at;
    node.line = row.id;
    return node;
  };
}
