// A room before the game: members, ready check, joining, leaving and starting.

import { postAction, paths, hashes, get, getWithRetry } from "./api.js";
import { mountChat } from "./chat.js";
import { removeFeed, report } from "./connection.js";
import { announce, ask, busy, clone, notice, refs, sentence, write } from "./dom.js";
import { listen } from "./feed.js";
import { Problem } from "./http.js";
import { isMe, me } from "./identity.js";
import { drawJoinRequests } from "./join-requests.js";
import { drawSeats } from "./seats.js";
import { mountShare } from "./share.js";
import { t } from "./i18n.js";
import { errorAdvice, errorText } from "./error-messages.js";

const CLOSE_REASONS = {
  host_left: t("The host left, so the room was closed."),
  expired: t("The room expired because all players were away."),
  started: t("The game started without you."),
  closed: t("It was closed by the host or an administrator."),
};

const LEAVE_TEXTS = {
  kicked: t("{name} was kicked by the host."),
  administrator: t("{name} was kicked by an administrator."),
  timeout: t("{name} was away for too long."),
};

const MEMBERS_ONLY = t("Join the room to chat.");

/** The host can kick the player between two requests; the feed reports it next. */
const ignoreNotInRoom = (problem) => { if (problem.code !== "room.not_in_room") throw problem; };

/** The request is no longer there to be answered. */
const REQUEST_ENDED = ["room.request_answered", "room.request_not_found", "room.user_elsewhere"];

const same = (user, other) => String(user.userId) === String(other.userId);

export function openRoom(stage, { game, id, name: gameName, limits }, { go, showError }) {
  const view = clone("room-view");
  const part = refs(view);
  const path = paths.room(game, id);
  const life = new AbortController();
  const chat = mountChat(part.chat, path);
  let room = null;
  /** The cursor of the latest document. */
  let cursor;
  let feed = null;
  let wasIn = Boolean(history.state?.inside);
  /** While leaving, events about the player or a room closed with its host are ignored. */
  let leaving = false;

  stage.replaceChildren(view);
  mountShare(view, hashes.room(game, id));
  write(part.game, gameName);
  chat.allow(false, MEMBERS_ONLY);
  read().then((after) => subscribe(after)).catch(onClosed);

  function failed(problem, reason) {
    if (life.signal.aborted) return;
    if (!(problem instanceof Problem)) throw problem;
    showError(errorText(problem), CLOSE_REASONS[reason] ?? errorAdvice(problem));
  }

  /** Return why the room was closed, from the events after the latest document. */
  async function closeReason() {
    if (cursor === undefined) return undefined;
    const { data } = await get(`${path}/events?after-event-id=${cursor}&wait=0`).catch(() => ({ data: [] }));
    return data.map(({ event }) => event).find(({ type }) => type === "room_gone")?.reason;
  }

  /** Store the membership in the history entry: after a reload, the page can follow a room into its game. */
  function setInside(on) {
    if (life.signal.aborted) return;
    wasIn = on;
    history.replaceState({ inside: on }, "");
  }

  const mine = () => room.users.find((row) => isMe(row.user));

  /** Read the document, and the chat for members. Returns the cursor of the document. */
  async function read() {
    const loading = {};
    report(loading, "connecting");
    try {
      const answer = await getWithRetry(path, life.signal, () => report(loading, "cut"));
      room = answer.data;
      cursor = answer.cursor;
      if (wasIn !== Boolean(mine())) setInside(!wasIn);
      draw();
      if (mine()) await chat.load(life.signal).catch(ignoreNotInRoom);
      return answer.cursor;
    } finally {
      removeFeed(loading);
    }
  }

  function subscribe(after) {
    if (life.signal.aborted) return;
    feed?.close();
    feed = listen(path, { after, onEvent, onLost: read, onGone: onClosed });
  }

  /** After the player joined, here or in another tab: subscribe again, since members get more events. */
  async function enter() {
    setInside(true);
    subscribe(await read());
  }

  /** The room was closed while there was no connection: it can have started a game. */
  async function onClosed(problem) {
    const { reason, sessionId } = problem.payload ?? {};
    if (wasIn && sessionId !== undefined && !life.signal.aborted) return go(hashes.session(game, sessionId), { instead: true });
    if (wasIn && !life.signal.aborted) {
      const { data } = await get(`/accounts/${me().user.userId}/rooms-and-sessions`).catch(() => ({ data: { sessions: [] } }));
      const started = data.sessions.filter((row) => row.game === game && row.active !== false).map((row) => Number(row.sessionId ?? row.id));
      if (started.length && !life.signal.aborted) return go(hashes.session(game, Math.max(...started)), { instead: true });
    }
    return failed(problem, problem.status === 410 ? reason ?? await closeReason() : undefined);
  }

  const EVENT_HANDLERS = {
    user_join({ user }) {
      if (!room.users.some((row) => same(row.user, user))) room.users.push({ user, isHost: false, ready: !room.readyCheck, away: false });
      if (isMe(user) && !wasIn) enter().catch(onClosed);
      return t("{name} joined.");
    },
    user_leave({ user, reason, by }) {
      const isLeaving = isMe(user);
      room.users = room.users.filter((row) => !same(row.user, user));
      if (isLeaving) {
        setInside(false);
        if (reason === "kicked") notice(by === "administrator" ? t("An administrator kicked you from this room.") : t("The host kicked you from this room."));
        if (reason === "timeout") notice(t("You were away for too long and lost your seat."));
      }
      return LEAVE_TEXTS[by ?? reason] ?? LEAVE_TEXTS[reason] ?? t("{name} left.");
    },
    user_ready: ({ user, ready }) => {
      update(user, { ready });
      return ready ? t("{name} is ready.") : "";
    },
    user_away: ({ user }) => update(user, { away: true }),
    user_back: ({ user }) => update(user, { away: false }),
    host_changed({ host }) {
      room.host = host;
      for (const row of room.users) row.isHost = same(row.user, host);
      room.joinRequests = [];
      // Only the document has the requests from before.
      if (isMe(host)) read().catch(onClosed);
      return "";
    },
    join_requested({ requestId, user, at }) {
      room.joinRequests ??= [];
      if (room.joinRequests.some((request) => request.requestId === requestId)) return "";
      room.joinRequests.push({ requestId, user, at });
      announce(t("{name} wants to join.", { name: user.username }));
      return t("{name} wants to join.");
    },
    join_request_ended({ requestId, reason }) {
      removeRequest(requestId);
      return ["approved", "rejected"].includes(reason) ? "" : t("The request of {name} has ended.");
    },
    password_changed({ private: locked }) {
      room.private = locked;
    },
    user_renamed({ user }) {
      update(user, { user });
      if (room.host && same(room.host, user)) room.host = user;
    },
    options_changed({ options }) {
      room.options = options;
    },
  };

  function removeRequest(id) {
    room.joinRequests = room.joinRequests?.filter(({ requestId }) => requestId !== id);
  }

  function update(user, changes) {
    const row = room.users.find((each) => same(each.user, user));
    if (row) Object.assign(row, changes);
  }

  function onEvent(event, eventId) {
    if (leaving) return undefined;
    if (event.type === "chat") return chat.add(eventId, event);
    if (event.type === "room_gone") {
      if (event.reason === "started" && event.sessionId !== undefined && wasIn) return go(hashes.session(game, event.sessionId), { instead: true });
      life.abort();
      return showError(t("This room is closed."), CLOSE_REASONS[event.reason] ?? "");
    }
    const text = EVENT_HANDLERS[event.type]?.(event);
    if (text && event.user) chat.addEvent(eventId, text, { name: event.user.username });
    return draw();
  }

  function draw() {
    const my = mine();
    const host = room.users.find((row) => row.isHost);
    const full = room.users.length >= room.maxUsers;
    write(part.name, room.name);
    document.title = `${room.name} · coalserver`;
    part.lock.hidden = !room.private;
    drawSeats(part.seats, room, { canKick: Boolean(my?.isHost), kick });
    const requests = my?.isHost ? room.joinRequests ?? [] : [];
    drawJoinRequests(part["request-list"], requests, { full, answer: answerRequest });
    part.requests.hidden = requests.length === 0;
    part.enter.hidden = Boolean(my) || full || room.needsApproval;
    part["password-row"].hidden = !room.private;
    part.actions.hidden = !my;
    chat.allow(Boolean(my), MEMBERS_ONLY);
    if (my) {
      part.start.hidden = !my.isHost;
      part.start.disabled = startBlocker() !== null;
      part.ready.hidden = !room.readyCheck;
      part.ready.setAttribute("aria-pressed", String(Boolean(my.ready)));
    }
    const [text, names] = status(my, host, full);
    sentence(part.status, text, names);
  }

  /** Return why the game cannot start, as a text and its names, or null. */
  function startBlocker() {
    const missing = limits.min - room.users.length;
    if (missing > 0) return [missing === 1 ? t("Waiting for one more player.") : t("Waiting for {count} more players.", { count: missing }), {}];
    const notReady = room.users.filter((row) => !row.ready);
    if (notReady.some((row) => isMe(row.user))) return [t("Press “Ready” when you are ready."), {}];
    if (notReady.length) return [t("Waiting for {name} to be ready."), { name: notReady[0].user.username }];
    return null;
  }

  function status(my, host, full) {
    if (!my && full) return [t("This room is full."), {}];
    if (!my && room.needsApproval) return [t("The host approves new players. Join this room in the game’s own app."), {}];
    if (!my) return [room.private ? t("This room requires a password.") : t("A seat is free."), {}];
    const waiting = startBlocker();
    if (waiting) return waiting;
    if (my.isHost) return [t("Everyone is ready. You can start the game."), {}];
    return [t("Waiting for {name} to start."), { name: host?.user.username ?? t("the host") }];
  }

  async function attempt(button, work, onError = (problem) => notice(errorText(problem))) {
    if (button?.getAttribute("aria-busy") === "true") return;
    if (button) busy(button, true);
    try {
      await work();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!life.signal.aborted) onError(problem);
    } finally {
      if (button) busy(button, false);
    }
  }

  part.enter.onsubmit = (event) => {
    event.preventDefault();
    part.note.hidden = true;
    attempt(part.join, async () => {
      await postAction(`${path}/join`, room.private ? { password: part.password.value } : {});
      if (!wasIn) await enter();
      part.title.focus({ preventScroll: true });
    }, (problem) => {
      part.note.hidden = false;
      write(part.note, errorText(problem));
      part.password.toggleAttribute("aria-invalid", problem.code === "room.wrong_password");
      if (problem.code === "room.wrong_password") part.password.focus();
      if (problem.status === 404 || problem.status === 410) onClosed(problem);
    });
  };

  part.leave.onclick = () => attempt(part.leave, async () => {
    const isHosting = mine()?.isHost && room.users.length > 1;
    if (isHosting && !await ask(t("Leave this room? You are its host: it may close for everyone."), {}, t("Leave room"))) return;
    leaving = true;
    try {
      await postAction(`${path}/leave`);
    } catch (problem) {
      leaving = false;
      if (!["room.not_in_room", "room.gone", "room.not_found"].includes(problem.code)) throw problem;
    }
    go("#/");
  });

  part.ready.onclick = () => attempt(part.ready, async () => {
    const ready = !mine().ready;
    await postAction(`${path}/ready`, { ready });
    if (mine()) mine().ready = ready;
    draw();
  });

  part.start.onclick = () => attempt(part.start, async () => {
    const { data } = await postAction(`${path}/start`);
    if (!life.signal.aborted) go(hashes.session(game, data.id), { instead: true });
  });

  const kick = (user, button) => attempt(button, async () => {
    if (await ask(t("Kick {name} from this room?"), { name: user.username }, t("Kick"))) await postAction(`${path}/kick`, { user_id: user.userId });
  });

  function answerRequest({ requestId }, accept, button) {
    const remove = () => { removeRequest(requestId); draw(); };
    return attempt(button, async () => {
      await postAction(`${path}/requests/${requestId}`, { accept });
      remove();
    }, (problem) => {
      notice(errorText(problem));
      if (REQUEST_ENDED.includes(problem.code)) remove();
    });
  }

  return () => {
    life.abort();
    feed?.close();
    chat.close();
  };
}
