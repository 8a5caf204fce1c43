// The live list of the open rooms of one game. New rows replace closed ones or are appended. A closed row
// stays for a moment, greyed, so that no button moves under a finger.

import { get, paths, hashes, getWithRetry } from "./api.js";
import { address } from "./base-path.js";
import { removeFeed, report } from "./connection.js";
import { clone, flag, notice, refs, write } from "./dom.js";
import { listen } from "./feed.js";
import { Problem } from "./http.js";
import { t } from "./i18n.js";
import { errorText } from "./error-messages.js";

const CLOSED_ROW_MS = 4000;
const MAX_ROWS = 100;

/** `join(room)` joins a room; `onTotal(total)` reports how many rooms can be joined; `onOwnRoomGone()` that a room of the player closed. */
export function mountRooms(card, { join, onTotal, onOwnRoomGone }) {
  const game = card.dataset.game;
  /** Rooms of a game without a board on this site are listed only: a seat here would be a dead end. */
  const isPlayable = card.dataset.app === undefined;
  const part = refs(card);
  const rows = new Map();
  /** Rooms without a row, and those of them that can be joined; null: not known yet. */
  let hidden = 0;
  let hiddenOpen = null;
  let life = null;
  let feed = null;

  for (const node of part.rooms.querySelectorAll("[data-room]:not([data-gone])")) rows.set(node.dataset.room, { node });

  function draw(row) {
    const { room, node } = row;
    const parts = refs(node);
    const full = isFull(room);
    node.dataset.room = room.roomId;
    flag(node, "data-gone", false);
    if (isPlayable) parts.link.href = address(`/${hashes.room(game, room.roomId)}`);
    parts.join.hidden = !isPlayable;
    write(parts.name, room.name);
    write(parts.host, room.host?.username ?? "");
    write(parts.count, room.maxUsers ? `${room.numUsers}/${room.maxUsers}` : `${room.numUsers}`);
    parts.lock.hidden = !room.private;
    const [text, label] = room.userInRoom
      ? [t("Open"), t("Open {name}", room)]
      : full ? [t("Full"), t("Full: {name}", room)] : [t("Join"), t("Join {name}", room)];
    write(parts.join, text);
    parts.join.disabled = full && !room.userInRoom;
    parts.join.setAttribute("aria-label", label);
    parts.join.onclick = () => join(room, parts.join);
  }

  function put(room) {
    const id = String(room.roomId);
    let row = rows.get(id);
    if (!row) {
      const closedRow = part.rooms.querySelector("[data-gone]");
      const node = clone("room-row");
      if (closedRow) closedRow.replaceWith(node);
      else part.rooms.append(node);
      row = { node };
      rows.set(id, row);
    }
    row.room = room;
    draw(row);
    return row;
  }

  function fill(list, count) {
    const openIds = new Set(list.map((room) => String(room.roomId)));
    for (const [id, row] of rows) {
      if (!openIds.has(id)) {
        row.node.remove();
        rows.delete(id);
      }
    }
    for (const node of part.rooms.querySelectorAll("[data-gone]")) node.remove();
    for (const room of list) put(room);
    hidden = Math.max((count ?? 0) - list.length, 0);
    hiddenOpen = hidden;
    update();
  }

  function update() {
    part.none.hidden = part.rooms.children.length > 0;
    if (hiddenOpen !== null && !life?.signal.aborted) onTotal(hiddenOpen + openRows());
  }

  /** Full rooms cannot be joined. */
  const isFull = (room) => Boolean(room.maxUsers) && room.numUsers >= room.maxUsers;
  const openRows = () => [...rows.values()].filter(({ room }) => room && !isFull(room)).length;

  /** Count the rooms without a row that can be joined: no event tells how many members they have. */
  async function recount(signal = life?.signal) {
    if (!hidden || !signal || signal.aborted) return;
    try {
      const { total } = await get(`${paths.rooms(game)}?limit=1&full=false`, { signal });
      if (signal.aborted) return;
      hiddenOpen = Math.max(total - openRows(), 0);
      update();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  }

  function removeRow(id, reason) {
    const row = rows.get(id);
    if (!row && hidden) {
      hidden -= 1;
      hiddenOpen = Math.max(hiddenOpen - 1, 0);
    }
    if (row) {
      const { link, join: button } = refs(row.node);
      rows.delete(id);
      flag(row.node, "data-gone", true);
      link.removeAttribute("href");
      button.disabled = true;
      write(button, reason === "started" ? t("Started") : t("Closed"));
      button.removeAttribute("aria-label");
      setTimeout(() => deleteRow(row.node), CLOSED_ROW_MS);
      if (row.room?.userInRoom) onOwnRoomGone();
    }
    update();
  }

  /** Change the number of members. The list can already contain the change of an event, hence the bounds. */
  function addMembers(room, more) {
    room.numUsers = Math.max(1, Math.min(room.maxUsers || Infinity, room.numUsers + more));
  }

  function deleteRow(node) {
    if (part.scroll.matches(":hover, :focus-within") && node.isConnected) setTimeout(() => deleteRow(node), CLOSED_ROW_MS);
    else node.remove();
    update();
  }

  function onEvent(event) {
    const id = String(event.roomId ?? event.room?.roomId);
    if (event.type === "room_created" && event.room && !rows.has(id)) {
      if (rows.size < MAX_ROWS) {
        flag(put(event.room).node, "data-fresh", true);
      } else {
        hidden += 1;
        hiddenOpen += 1;
      }
      update();
    }
    if (event.type === "room_gone") removeRow(id, event.reason);
    const row = rows.get(id);
    if (!row?.room) return;
    const { room } = row;
    const isHost = event.user && String(event.user.userId) === String(room.host?.userId);
    if (event.type === "user_join" && !isHost) addMembers(room, 1);
    else if (event.type === "user_leave") addMembers(room, -1);
    else if (event.type === "password_changed") room.private = event.private;
    else if (event.type === "user_renamed" && String(room.host?.userId) === String(event.user.userId)) room.host = event.user;
    else if (event.type === "host_changed") room.host = event.host ?? room.host;
    else return;
    draw(row);
    update();
  }

  async function read(signal) {
    const loading = {};
    report(loading, "connecting");
    try {
      const answer = await getWithRetry(`${paths.rooms(game)}?limit=${MAX_ROWS}`, signal, () => report(loading, "cut"));
      fill(answer.data, answer.total);
      await recount(signal);
      return answer.cursor;
    } finally {
      removeFeed(loading);
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
    recount: () => recount(),
    close() {
      life?.abort();
      feed?.close();
      feed = null;
      for (const { node } of rows.values()) flag(node, "data-fresh", false);
    },
    setFull(room) {
      room.numUsers = room.maxUsers;
      const row = rows.get(String(room.roomId));
      if (row) draw(row);
      update();
    },
  };
}
