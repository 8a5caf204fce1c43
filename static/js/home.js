// The landing page: a name, the games with their open rooms, and what one is in the middle of.

import { postAction, paths, hashes, getWithRetry } from "./api.js";
import { onCut } from "./connection.js";
import { busy, clone, notice, refs, sentence, write } from "./dom.js";
import { newGames } from "./games.js";
import { Problem } from "./http.js";
import { isMe, me } from "./identity.js";
import { mountName } from "./names.js";
import { mountRooms } from "./rooms.js";
import { t } from "./i18n.js";
import { errorText } from "./error-messages.js";

/** A tab nobody looks at stops listening to the lists after a minute. */
const LISTEN_UNSEEN = 60000;
/** New games, and whose turn it is elsewhere, come over no feed. */
const REFRESH_MS = 60000;

/** `view` is the server's own markup, kept while other views are shown. Returns how to close it. */
export function openHome(view, { go }) {
  const part = refs(view);
  const totals = new Map();
  const life = new AbortController();

  const form = mountName(part["name-form"], (player) => {
    const focused = part["name-form"].contains(document.activeElement);
    greet();
    sentence(part["name-note"], t("You are playing as {name}."), { name: player.user.username });
    if (focused) view.querySelector("[data-ref=quick]")?.focus({ preventScroll: true });
  });

  function greet() {
    const player = me();
    part["name-form"].hidden = Boolean(player);
    part.hello.hidden = !player;
    write(part["hello-name"], player?.user.username ?? "");
  }

  part.rename.onclick = () => {
    part.hello.hidden = true;
    part["name-form"].hidden = false;
    form.edit();
  };

  /** A name there is, or the one in the field, or a request for one. */
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
    const at = refs(card);

    const rooms = mountRooms(card, {
      counted(total) {
        totals.set(game, total);
        tally();
      },
      mine: loadMyGames,
      join: (room, button) => {
        if (room.userInRoom || room.private) return go(hashes.room(game, room.roomId));
        return attempt(button, async () => {
          try {
            await postAction(`${paths.room(game, room.roomId)}/join`);
            go(hashes.room(game, room.roomId), { inside: true });
          } catch (problem) {
            if (problem.code === "room.full") rooms.full(room);
            throw problem;
          }
        });
      },
    });

    at.quick.onclick = () => attempt(at.quick, async () => {
      const { data } = await postAction(`${paths.rooms(game)}/quick-join`);
      go(hashes.room(game, data.id), { inside: true });
    });

    at.create.onsubmit = (event) => {
      event.preventDefault();
      attempt(at.create.querySelector("button"), async () => {
        const body = { name: at["room-name"].value.trim() || t("{name}’s room", { name: me().user.username }).slice(0, 60) };
        if (at.password.value) body.password = at.password.value;
        if (at["ready-check"].checked) body.readyCheck = true;
        const { made, data } = await postAction(paths.rooms(game), body);
        at.create.reset();
        go(hashes.room(game, made ?? data.roomId), { inside: true });
      });
    };
    cards.set(game, rooms);
    return rooms;
  }

  /** The card of a game set up a moment ago. */
  function add(card) {
    part.games.querySelector(".none")?.remove();
    part.games.append(document.adoptNode(card));
    mount(card).open();
  }

  async function look() {
    loadMyGames();
    const found = await newGames((game) => cards.has(game), life.signal);
    if (listening) found.filter((card) => !cards.has(card.dataset.game)).forEach(add);
  }

  function tally() {
    if (totals.size < cards.size) return;
    const count = [...totals.values()].reduce((sum, each) => sum + each, 0);
    write(part["rooms-open"], String(count));
    write(part["rooms-word"], count === 1 ? t("open room") : t("open rooms"));
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

  const roomRow = (row) => ({ href: hashes.room(row.game, row.roomId ?? row.id), name: row.name, what: t("Room") });
  const gameRow = (row) => ({
    href: hashes.session(row.game, row.sessionId ?? row.id),
    name: row.name,
    what: mineToMove(row.players) ? t("Your turn") : t("Game"),
  });
  /** Where everyone may always move, it is nobody's turn. */
  const mineToMove = (players) => players.some((row) => row.isCurrent && isMe(row.user)) && !players.every((row) => row.isCurrent);

  let drawn = "";

  function draw(list) {
    // Left alone if nothing has changed, and so is the focus.
    const next = JSON.stringify(list);
    if (next === drawn) return;
    drawn = next;
    part.resume.hidden = list.length === 0;
    part.sketch.toggleAttribute("hidden", list.length > 0);
    part.mine.replaceChildren(...list.map(({ href, name, what }) => {
      const node = clone("mine-row");
      const at = refs(node);
      at.link.href = `/${href}`;
      write(at.name, name || t("Game"));
      write(at.what, what);
      return node;
    }));
  }

  let unseen = 0;
  let listening = false;
  let looking = 0;
  let cut = false;
  const stopCut = onCut((now) => {
    if (cut && !now && listening) look();
    cut = now;
  });

  function start() {
    if (listening) return;
    listening = true;
    for (const rooms of cards.values()) rooms.open();
    looking = setInterval(look, REFRESH_MS);
    loadMyGames();
  }

  function stop() {
    listening = false;
    clearInterval(looking);
    for (const rooms of cards.values()) rooms.close();
  }

  function seen() {
    clearTimeout(unseen);
    if (document.visibilityState === "visible") start();
    else unseen = setTimeout(stop, LISTEN_UNSEEN);
  }

  for (const card of view.querySelectorAll("[data-game]")) mount(card);
  form.reset();
  greet();
  start();
  document.addEventListener("visibilitychange", seen);

  return () => {
    life.abort();
    clearTimeout(unseen);
    document.removeEventListener("visibilitychange", seen);
    stopCut();
    stop();
  };
}
