// The home page: the player's name, games with open rooms, and the player's own games.

import { postAction, paths, hashes, getWithRetry } from "./api.js";
import { address } from "./base-path.js";
import { onCut } from "./connection.js";
import { busy, clone, notice, refs, sentence, write } from "./dom.js";
import { newGames, roomsElsewhere } from "./games.js";
import { Problem } from "./http.js";
import { isMe, me } from "./identity.js";
import { mountName } from "./names.js";
import { mountRooms } from "./rooms.js";
import { t } from "./i18n.js";
import { errorText } from "./error-messages.js";

/** A hidden tab unsubscribes from the lists after a minute. */
const HIDDEN_UNSUBSCRIBE_MS = 60000;
/** No feed reports new games and turns in the player's other games. */
const REFRESH_MS = 60000;

/** `view` is the markup of the server, kept while other views are shown. Returns a function that closes the view. */
export function openHome(view, { go }) {
  const part = refs(view);
  /** Joinable rooms of each game with a card, and of all others. */
  const totals = new Map();
  let elsewhere = Number(part["rooms-open"].dataset.elsewhere);
  const life = new AbortController();

  const form = mountName(part["name-form"], (player) => {
    const focused = part["name-form"].contains(document.activeElement);
    drawName();
    sentence(part["name-note"], t("You are playing as {name}."), { name: player.user.username });
    if (focused) view.querySelector("[data-ref=quick]")?.focus({ preventScroll: true });
  });

  function drawName() {
    const player = me();
    part["name-form"].hidden = Boolean(player);
    part.player.hidden = !player;
    write(part["player-name"], player?.user.username ?? "");
  }

  part.rename.onclick = () => {
    part.player.hidden = true;
    part["name-form"].hidden = false;
    form.edit();
  };

  /** Return whether the player has a name. Submits the one in the field, or asks for it. */
  const ensureName = async () => Boolean(me()) || form.submit();

  async function attempt(button, work) {
    if (button.getAttribute("aria-busy") === "true") return;
    busy(button, true);
    try {
      if (await ensureName()) await work();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      notice(errorText(problem));
    } finally {
      busy(button, false);
    }
  }

  const cards = new Map();

  function mount(card) {
    const { game } = card.dataset;
    const parts = refs(card);

    const rooms = mountRooms(card, {
      onTotal(total) {
        totals.set(game, total);
        drawTotal();
      },
      onOwnRoomGone: loadMyGames,
      join: (room, button) => {
        if (room.userInRoom || room.private) return go(hashes.room(game, room.roomId));
        return attempt(button, async () => {
          try {
            await postAction(`${paths.room(game, room.roomId)}/join`);
            go(hashes.room(game, room.roomId), { inside: true });
          } catch (problem) {
            if (problem.code === "room.full") rooms.setFull(room);
            throw problem;
          }
        });
      },
    });

    cards.set(game, rooms);
    if (!parts.quick) return rooms;

    parts.quick.onclick = () => attempt(parts.quick, async () => {
      const { data } = await postAction(`${paths.rooms(game)}/quick-join`);
      go(hashes.room(game, data.id), { inside: true });
    });

    parts.create.onsubmit = (event) => {
      event.preventDefault();
      attempt(parts.create.querySelector("button"), async () => {
        const body = { name: parts["room-name"].value.trim() || t("{name}’s room", { name: me().user.username }).slice(0, 60) };
        if (parts.password.value) body.password = parts.password.value;
        if (parts["ready-check"].checked) body.readyCheck = true;
        const { id, data } = await postAction(paths.rooms(game), body);
        parts.create.reset();
        go(hashes.room(game, id ?? data.roomId), { inside: true });
      });
    };
    return rooms;
  }

  /** Add the card of a new game. */
  function addCard(card) {
    const isApp = card.dataset.app !== undefined;
    const section = isApp ? part["app-games"] : part.games;
    section.querySelector(":scope > .none")?.remove();
    section.hidden = false;
    // Links to other pages of games come last.
    section.insertBefore(document.adoptNode(card), section.querySelector(":scope > .pagination"));
    mount(card).open();
  }

  async function refresh() {
    loadMyGames();
    const found = await newGames((game) => cards.has(game), life.signal);
    if (listening) found.filter((card) => !cards.has(card.dataset.game)).forEach(addCard);
    for (const rooms of cards.values()) rooms.recount();
    elsewhere = await roomsElsewhere(life.signal) ?? elsewhere;
    drawTotal();
  }

  function drawTotal() {
    if (life.signal.aborted || totals.size < cards.size) return;
    const count = [...totals.values()].reduce((sum, each) => sum + each, elsewhere);
    write(part["rooms-open"], String(count));
    write(part["rooms-label"], count === 1 ? t("open room") : t("open rooms"));
  }

  async function loadMyGames() {
    const player = me();
    if (!player) return draw([]);
    try {
      const { data } = await getWithRetry(`/accounts/${player.user.userId}/rooms-and-sessions`, life.signal);
      if (!life.signal.aborted) draw([...data.sessions.filter((row) => row.active !== false).map(gameRow), ...data.rooms.map(roomRow)]);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
    return undefined;
  }

  const roomRow = (row) => ({ href: hashes.room(row.game, row.roomId ?? row.id), name: row.name, label: t("Room") });
  const gameRow = (row) => ({
    href: hashes.session(row.game, row.sessionId ?? row.id),
    name: row.name,
    label: isMyTurn(row.players) ? t("Your turn") : t("Game"),
  });
  /** In a game where all players can always move, no player has the turn. */
  const isMyTurn = (players) => players.some((row) => row.isCurrent && isMe(row.user)) && !players.every((row) => row.isCurrent);

  let drawn = "";

  function draw(list) {
    // An unchanged list is not drawn again, which keeps the focus.
    const next = JSON.stringify(list);
    if (next === drawn) return;
    drawn = next;
    part.resume.hidden = list.length === 0;
    part.sketch.toggleAttribute("hidden", list.length > 0);
    part["my-games"].replaceChildren(...list.map(({ href, name, label }) => {
      const node = clone("my-game");
      const parts = refs(node);
      parts.link.href = address(`/${href}`);
      write(parts.name, name || t("Game"));
      write(parts.label, label);
      return node;
    }));
  }

  let hiddenTimer = 0;
  let listening = false;
  let refreshTimer = 0;
  let cut = false;
  const stopCut = onCut((now) => {
    if (cut && !now && listening) refresh();
    cut = now;
  });

  function start() {
    if (listening) return;
    listening = true;
    for (const rooms of cards.values()) rooms.open();
    refreshTimer = setInterval(refresh, REFRESH_MS);
    loadMyGames();
  }

  function stop() {
    listening = false;
    clearInterval(refreshTimer);
    for (const rooms of cards.values()) rooms.close();
  }

  function onVisibility() {
    clearTimeout(hiddenTimer);
    if (document.visibilityState === "visible") start();
    else hiddenTimer = setTimeout(stop, HIDDEN_UNSUBSCRIBE_MS);
  }

  for (const card of view.querySelectorAll("[data-game]")) mount(card);
  form.reset();
  drawName();
  start();
  document.addEventListener("visibilitychange", onVisibility);

  return () => {
    life.abort();
    clearTimeout(hiddenTimer);
    document.removeEventListener("visibilitychange", onVisibility);
    stopCut();
    stop();
  };
}
