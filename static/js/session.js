// A running game: the turn, the board if there is one for this game, the result and the chat.

import { postAction, paths, hashes, getWithRetry } from "./api.js";
import { mountChat } from "./chat.js";
import { removeFeed, isCut, onCut, report } from "./connection.js";
import { announce, ask, busy, clone, element, flag, isolated, notice, refs, sentence, write } from "./dom.js";
import { listen } from "./feed.js";
import { Problem } from "./http.js";
import { isMe } from "./identity.js";
import { mark, marksName, mountBoard, square, winningLine } from "./noughts.js";
import { onOutbox, post, waiting } from "./outbox.js";
import { t } from "./i18n.js";
import { errorAdvice, errorText } from "./error-messages.js";

export function openSession(stage, { game, id, name: gameName }, { go, showError }) {
  const view = clone("session-view");
  const part = refs(view);
  const path = paths.session(game, id);
  const turns = `${path}/turn`;
  const life = new AbortController();
  const chat = mountChat(part.chat, path);
  let session = null;
  let board = null;
  let feed = null;
  /** The cell of an unsent turn of the player. */
  let sending = waiting(turns)[0]?.body.cell ?? null;

  stage.replaceChildren(view);
  write(part.game, gameName);
  read().then((after) => {
    if (!life.signal.aborted) feed = listen(path, { after, onEvent, onLost: read, onGone: failed });
  }).catch(failed);

  function failed(problem) {
    if (life.signal.aborted) return;
    if (!(problem instanceof Problem)) throw problem;
    showError(errorText(problem), errorAdvice(problem));
  }

  async function read() {
    const loading = {};
    report(loading, "connecting");
    try {
      const answer = await getWithRetry(path, life.signal, () => report(loading, "cut"));
      session = answer.data;
      draw();
      await chat.load(life.signal);
      return answer.cursor;
    } finally {
      removeFeed(loading);
    }
  }

  const grid = () => (typeof session.environment?.grid === "string" ? session.environment.grid : null);
  const mine = () => session.players.find((row) => isMe(row.user));
  const bySeat = (seat) => session.players.find((row) => row.playerId === seat);
  const byUser = (user) => session.players.find((row) => String(row.user.userId) === String(user.userId));

  const EVENT_HANDLERS = {
    turn({ player, cell, environment, current }) {
      if (environment !== undefined) session.environment = environment;
      if (current) for (const row of session.players) row.isCurrent = current.includes(row.playerId);
      const row = bySeat(player);
      if (row && isMe(row.user)) sending = null;
      else if (row && grid() && cell !== undefined) announce(`${row.user.username}: ${square(cell)}.`);
    },
    session_over({ outcome }) {
      session.active = false;
      session.outcome = outcome ?? null;
      for (const row of session.players) row.isCurrent = false;
    },
    user_join({ user }) {
      const row = byUser(user);
      if (row) Object.assign(row, { away: false, left: false });
      else session.players.push({ user, playerId: null, isCurrent: true, away: false });
    },
    user_renamed: ({ user }) => Object.assign(byUser(user) ?? {}, { user }),
    user_away: ({ user }) => Object.assign(byUser(user) ?? {}, { away: true }),
    user_back: ({ user }) => Object.assign(byUser(user) ?? {}, { away: false, left: false }),
    user_leave: ({ user, reason }) => Object.assign(byUser(user) ?? {}, { left: reason ?? "left" }),
  };
  const EVENT_TEXTS = { user_join: t("{name} joined."), user_leave: t("{name} left."), user_away: t("{name} is away."), user_back: t("{name} is back.") };

  const LEAVE_TEXTS = { kicked: t("{name} was kicked from the game."), timeout: t("{name} was away for too long.") };

  function onEvent(event, eventId) {
    if (event.type === "chat") return chat.add(eventId, event);
    EVENT_HANDLERS[event.type]?.(event);
    const text = (event.type === "user_leave" && LEAVE_TEXTS[event.reason]) || EVENT_TEXTS[event.type];
    if (text && event.user && !isMe(event.user)) chat.addEvent(eventId, text, { name: event.user.username });
    return draw();
  }

  function draw() {
    const my = mine();
    const cells = grid();
    const myTurn = Boolean(session.active && my?.isCurrent && sending === null);
    write(part.name, session.name || gameName);
    part["no-board"].hidden = cells !== null;
    part.board.hidden = cells === null;
    if (cells) {
      board ??= mountBoard(part.board, play);
      board.draw({ grid: cells, seat: my?.playerId ?? null, myTurn, sending, over: !session.active });
    }
    drawPlayers(cells !== null);
    const [text, names] = session.active ? turnText(my, cells) : endingText(cells);
    sentence(part.status, text, names);
    part.result.hidden = session.active;
    if (!session.active) sentence(part.result, ...resultText(my));
    part.again.hidden = session.active || cells === null;
    part.actions.hidden = false;
    write(part.leave, session.active && my ? t("Leave game") : t("Back to rooms"));
    document.title = `${session.active ? text.replace(/\{name\}/g, names.name) : part.result.textContent} · ${session.name || gameName}`;
  }

  function turnText(my, cells) {
    if (isCut() && sending !== null) return [t("Reconnecting… Your turn is sent when you are back."), {}];
    if (isCut()) return [t("Reconnecting…"), {}];
    if (sending !== null) return [t("Sending your turn…"), {}];
    if (cells === null) return [t("Game in progress."), {}];
    if (my?.isCurrent) return [my.playerId === 0 ? t("Your turn. You play crosses.") : t("Your turn. You play noughts."), {}];
    const current = session.players.find((row) => row.isCurrent);
    if (!current) return [t("Game in progress."), {}];
    return [current.away ? t("Waiting for {name} to come back.") : t("{name}’s turn."), { name: current.user.username }];
  }

  function resultText(my) {
    if (!session.outcome) return [t("The game is over."), {}];
    const { winner } = session.outcome;
    if (winner === null || winner === undefined) return [t("Draw."), {}];
    if (my && winner === my.playerId) return [t("You win."), {}];
    return [t("{name} wins."), { name: bySeat(winner)?.user.username ?? t("The other player") }];
  }

  function endingText(cells) {
    if (cells && winningLine(cells)) return [t("Three in a row."), {}];
    const leaver = session.players.find((row) => row.left);
    if (leaver?.left === "kicked" && isMe(leaver.user)) return [t("You were kicked from the game."), {}];
    if (leaver && isMe(leaver.user)) return [t("You left the game."), {}];
    if (leaver?.left === "kicked") return [LEAVE_TEXTS.kicked, { name: leaver.user.username }];
    if (leaver) return [t("{name} left the game."), { name: leaver.user.username }];
    if (cells && !cells.includes(".")) return [t("No three in a row."), {}];
    return [t("The game ended early."), {}];
  }

  function drawPlayers(marks) {
    part.score.replaceChildren(...session.players.map((row) => {
      const symbol = marks ? marksName(row.playerId) : "";
      const status = [isMe(row.user) ? t("you") : symbol, row.left ? t("left") : row.away && t("away")].filter(Boolean).join(", ");
      const node = element("li", { class: "player", "data-testid": "player" },
        element("div", { class: "seat-text" },
          element("span", { class: "seat-name" }, isolated(row.user.username)),
          element("span", { class: "seat-status" }, status.charAt(0).toUpperCase() + status.slice(1))));
      if (symbol) {
        const icon = mark(row.playerId);
        icon.classList.add("player-mark");
        node.prepend(icon);
        if (isMe(row.user)) node.append(element("span", { class: "visually-hidden" }, symbol));
      }
      flag(node, "data-current", session.active && row.isCurrent && marks);
      flag(node, "data-away", row.away || row.left);
      return node;
    }));
  }

  function play(cell) {
    if (!session.active) return announce(t("The game is over."));
    if (!mine()?.isCurrent || sending !== null) return announce(t("It is not your turn."));
    if (grid()[cell] !== ".") return announce(t("This square is taken."));
    sending = cell;
    post(turns, { cell });
    return draw();
  }

  const stopTurns = onOutbox(turns, ({ state, problem }) => {
    if (state !== "refused" || life.signal.aborted) return;
    sending = null;
    notice(errorText(problem));
    read().catch(failed);
  });
  const stopCut = onCut(() => { if (session) draw(); });

  async function attempt(button, work) {
    if (button.getAttribute("aria-busy") === "true") return;
    busy(button, true);
    try {
      await work();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      notice(errorText(problem));
    } finally {
      busy(button, false);
    }
  }

  part.leave.onclick = () => attempt(part.leave, async () => {
    if (session.active && mine()) {
      if (!await ask(t("Leave this game? It may end for everyone."), {}, t("Leave game"))) return;
      await postAction(`${path}/leave`).catch((problem) => {
        if (!["session.over", "session.not_in_session", "session.not_found", "room.not_in_room"].includes(problem.code)) throw problem;
      });
    }
    go("#/");
  });

  part.again.onclick = () => attempt(part.again, async () => {
    const { data } = await postAction(`${paths.rooms(game)}/quick-join`);
    go(hashes.room(game, data.id), { inside: true });
  });

  return () => {
    life.abort();
    feed?.close();
    chat.close();
    stopTurns();
    stopCut();
  };
}
