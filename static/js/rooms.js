// The open rooms of one game, live. Rows that arrive take the place of rows that went, or the end of the
// list; a row that goes stays a moment, greyed, so that nothing moves under a finger.

import { paths, hashes, getWithRetry } from "./api.js";
import { forget, report } from "./connection.js";
import { clone, flag, notice, refs, write } from "./dom.js";
import { listen } from "./feed.js";
import { Problem } from "./http.js";
import { t } from "./i18n.js";
import { errorText } from "./error-messages.js";

const STAY_GONE = 4000;
const LIMIT = 100;

/** `join(room)` when asked to; `counted(total)` when it changed; `mine()` when a room of mine started. */
export function mountRooms(card, { join, counted, mine }) {
  const game = card.dataset.game;
  const part = refs(card);
  const rows = new Map();
  let total = null;
  let life = null;
  let feed = null;

  for (const node of part.rooms.querySelectorAll("[data-room]:not([data-gone])")) rows.set(node.dataset.room, { node });

  function draw(row) {
    const { room, node } = row;
    const at = refs(node);
    const full = room.numUsers >= room.maxUsers;
    node.dataset.room = room.roomId;
    flag(node, "data-gone", false);
    at.link.href = `/${hashes.room(game, room.roomId)}`;
    write(at.name, room.name);
    write(at.host, room.host?.username ?? "");
    write(at.count, room.maxUsers ? `${room.numUsers}/${room.maxUsers}` : `${room.numUsers}`);
    at.lock.hidden = !room.private;
    const [word, label] = room.userInRoom
      ? [t("Open"), t("Open {name}", room)]
      : full ? [t("Full"), t("Full: {name}", room)] : [t("Join"), t("Join {name}", room)];
    write(at.join, word);
    at.join.disabled = full && !room.userInRoom;
    at.join.setAttribute("aria-label", label);
    at.join.onclick = () => join(room, at.join);
  }

  function put(room) {
    const id = String(room.roomId);
    let row = rows.get(id);
    if (!row) {
      const place = part.rooms.querySelector("[data-gone]");
      const node = clone("room-row");
      if (place) place.replaceWith(node);
      else part.rooms.append(node);
      row = { node };
      rows.set(id, row);
    }
    row.room = room;
    draw(row);
    return row;
  }

  function fill(list, count) {
    const here = new Set(list.map((room) => String(room.roomId)));
    for (const [id, row] of rows) {
      if (!here.has(id)) {
        row.node.remove();
        rows.delete(id);
      }
    }
    for (const node of part.rooms.querySelectorAll("[data-gone]")) node.remove();
    for (const room of list) put(room);
    total = count ?? list.length;
    tidy();
  }

  function tidy() {
    part.none.hidden = part.rooms.children.length > 0;
    if (!life?.signal.aborted) counted(total);
  }

  function goes(id, reason) {
    const row = rows.get(id);
    if (row || total > LIMIT) total -= 1;
    if (row) {
      const { link, join: button } = refs(row.node);
      rows.delete(id);
      flag(row.node, "data-gone", true);
      link.removeAttribute("href");
      button.disabled = true;
      write(button, reason === "started" ? t("Started") : t("Closed"));
      button.removeAttribute("aria-label");
      setTimeout(() => sweep(row.node), STAY_GONE);
      if (row.room?.userInRoom) mine();
    }
    tidy();
  }

  /** The list may already have known what an event tells: a room has its host and no more than its seats. */
  function count(room, more) {
    room.numUsers = Math.max(1, Math.min(room.maxUsers || Infinity, room.numUsers + more));
  }

  function sweep(node) {
    if (part.scroll.matches(":hover, :focus-within") && node.isConnected) setTimeout(() => sweep(node), STAY_GONE);
    else node.remove();
    tidy();
  }

  function onEvent(event) {
    const id = String(event.roomId ?? event.room?.roomId);
    if (event.type === "room_created" && event.room && !rows.has(id)) {
      total += 1;
      if (rows.size < LIMIT) flag(put(event.room).node, "data-fresh", true);
      tidy();
    }
    if (event.type === "room_gone") goes(id, event.reason);
    const row = rows.get(id);
    if (!row?.room) return;
    const { room } = row;
    const isHost = event.user && String(event.user.userId) === String(room.host?.userId);
    if (event.type === "user_join" && !isHost) count(room, 1);
    else if (event.type === "user_leave") count(room, -1);
    else if (event.type === "host_changed") room.host = event.host ?? room.host;
    else return;
    draw(row);
  }

  async function read(signal) {
    const waiting = {};
    report(waiting, "connecting");
    try {
      const answer = await getWithRetry(`${paths.rooms(game)}?limit=${LIMIT}`, signal, () => report(waiting, "cut"));
      fill(answer.data, answer.total);
      return answer.cursor;
    } finally {
      forget(waiting);
    }
  }

  return {
    async open() {
      life = new AbortController();
      const { signal } = life;
      try {
        const after = await read(signal);
        if (!signal.aborted) feed = listen(paths.rooms(game), { after, onEvent, onLost: () => read(signal) });
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (!signal.aborted) notice(errorText(problem));
      }
    },
    close() {
      life?.abort();
      feed?.close();
      feed = null;
      for (const { node } of rows.values()) flag(node, "data-fresh", false);
    },
    full(room) {
      room.numUsers = room.maxUsers;
      const row = rows.get(String(room.roomId));
      if (row) draw(row);
    },
  };
}
