// The seats of a room: taken ones with their player, and free ones.

import { element, flag, isolated } from "./dom.js";
import { isMe } from "./identity.js";
import { t } from "./i18n.js";

/** Free seats that are drawn at most. */
const MAX_FREE_SEATS = 3;

/** Draw the seats. Nodes of unchanged seats are reused, which keeps the focus. */
export function drawSeats(list, room, { canKick, kick }) {
  const free = Math.max(0, Math.min(MAX_FREE_SEATS, room.maxUsers - room.users.length));
  const seats = [
    ...room.users.map((row) => ({ key: JSON.stringify([row, canKick, room.readyCheck]), row })),
    ...Array.from({ length: free }, (_, i) => ({ key: `free ${i}` })),
  ];
  const oldNodes = new Map([...list.children].map((node) => [node.dataset.key, node]));
  list.replaceChildren(...seats.map(({ key, row }) => {
    const node = oldNodes.get(key) ?? (row ? taken(row, room, canKick && !isMe(row.user) ? kick : null) : empty());
    node.dataset.key = key;
    return node;
  }));
}

function taken(row, room, kick) {
  const status = [
    isMe(row.user) && t("you"),
    row.isHost && t("host"),
    row.away ? t("away") : room.readyCheck && (row.ready ? t("ready") : t("not ready")),
  ].filter(Boolean).join(", ") || t("in the room");
  const node = element("li", { class: "seat", "data-testid": "seat" },
    element("div", { class: "seat-text" },
      element("span", { class: "seat-name" }, isolated(row.user.username)),
      element("span", { class: "seat-status" }, status.charAt(0).toUpperCase() + status.slice(1))));
  flag(node, "data-away", row.away);
  flag(node, "data-ready", room.readyCheck && row.ready && !row.away);
  if (kick) {
    const button = element("button", { type: "button", class: "button quiet small", "data-testid": "kick", "aria-label": t("Kick {name}", { name: row.user.username }) }, t("Kick"));
    button.onclick = () => kick(row.user, button);
    node.append(button);
  }
  return node;
}

const empty = () => element("li", { class: "seat", "data-empty": true }, t("Free seat"));
