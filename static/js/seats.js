// The seats of a room: taken ones with their player, free ones as an open place.

import { element, flag, isolated } from "./dom.js";
import { isMe } from "./identity.js";
import { t } from "./i18n.js";

/** More free seats than this are not drawn one by one. */
const FREE_SHOWN = 3;

/** Seats that did not change are kept, so that focus stays where it is. */
export function drawSeats(list, room, { canRemove, remove }) {
  const free = Math.max(0, Math.min(FREE_SHOWN, room.maxUsers - room.users.length));
  const wanted = [
    ...room.users.map((row) => ({ key: JSON.stringify([row, canRemove, room.readyCheck]), row })),
    ...Array.from({ length: free }, (_, i) => ({ key: `free ${i}` })),
  ];
  const kept = new Map([...list.children].map((node) => [node.dataset.key, node]));
  list.replaceChildren(...wanted.map(({ key, row }) => {
    const node = kept.get(key) ?? (row ? taken(row, room, canRemove && !isMe(row.user) ? remove : null) : empty());
    node.dataset.key = key;
    return node;
  }));
}

function taken(row, room, remove) {
  const what = [
    isMe(row.user) && t("you"),
    row.isHost && t("host"),
    row.away ? t("away") : room.readyCheck && (row.ready ? t("ready") : t("not ready")),
  ].filter(Boolean).join(", ") || t("in the room");
  const node = element("li", { class: "seat", "data-testid": "seat" },
    element("div", { class: "seat-text" },
      element("span", { class: "seat-name" }, isolated(row.user.username)),
      element("span", { class: "seat-status" }, what.charAt(0).toUpperCase() + what.slice(1))));
  flag(node, "data-away", row.away);
  flag(node, "data-ready", room.readyCheck && row.ready && !row.away);
  if (remove) {
    const button = element("button", { type: "button", class: "button quiet small", "data-testid": "kick", "aria-label": t("Kick {name}", { name: row.user.username }) }, t("Kick"));
    button.onclick = () => remove(row.user, button);
    node.append(button);
  }
  return node;
}

const empty = () => element("li", { class: "seat", "data-empty": true }, t("Free seat"));
