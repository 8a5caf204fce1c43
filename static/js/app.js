// The page: which view the address asks for, and who is asking.

import { clone, refs, write } from "./dom.js";
import { openHome } from "./home.js";
import { me, onIdentity } from "./identity.js";
import { mountName } from "./names.js";
import { resume } from "./outbox.js";
import { openRoom } from "./room.js";
import { openSession } from "./session.js";
import { t } from "./i18n.js";

const main = document.getElementById("main");
const home = main.querySelector("[data-ref=home]");
const whoami = document.getElementById("whoami");
const TITLE = document.title;

let close = () => {};
let shown = null;

const VIEWS = { rooms: openRoom, sessions: openSession };

/** "#/noughts/rooms/7" → {game, kind, id}; null is the home page. */
function requestedView() {
  const found = location.hash.match(/^#\/([^/]+)\/(rooms|sessions)\/(\d+)$/);
  return found && { game: decodeURIComponent(found[1]), kind: found[2], id: found[3] };
}

/**
 * To another view. `instead` leaves no way back to this one, which is gone; `inside` says that the room
 * there has been joined already.
 */
function go(hash, { instead = false, inside = false } = {}) {
  history[instead ? "replaceState" : "pushState"]({ inside }, "", `/${hash}`);
  route();
}

function lose(title, text) {
  show(() => {
    const view = clone("lost-view");
    const part = refs(view);
    write(part.title, title);
    write(part.words, text);
    main.replaceChildren(view);
  });
}

/** One view gives way to the next. `open` returns how to close what it opened. */
function show(open, { quietly = false } = {}) {
  close();
  close = () => {};
  document.title = TITLE;
  close = open() ?? (() => {});
  if (quietly) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function route({ quietly = false } = {}) {
  const place = requestedView();
  greet();
  shown = location.hash;
  if (!place) {
    show(() => {
      if (!home.isConnected) main.replaceChildren(home);
      return openHome(home, { go });
    }, { quietly });
  } else if (!me()) {
    show(() => askForName(place));
  } else {
    show(() => VIEWS[place.kind](main, { ...place, ...about(place.game) }, { go, lose }), { quietly });
  }
}

/** What the server said of this game when it rendered the page. */
function about(tag) {
  const card = [...home.querySelectorAll("[data-game]")].find((each) => each.dataset.game === tag);
  return { name: card?.dataset.name ?? tag, limits: { min: Number(card?.dataset.min ?? 1) } };
}

/** A shared link, opened by somebody without a name. Taking one is a change of identity, which routes. */
function askForName({ kind, game }) {
  const view = clone("name-form-view");
  const part = refs(view);
  main.replaceChildren(view);
  write(part.title, t("You are invited to play {name}", about(game)));
  if (kind === "sessions") {
    write(part.title, t("Choose your name"));
    write(part.words, t("Choose a name to see the game."));
  }
  mountName(part["name-form"]);
}

function greet() {
  const player = me();
  whoami.hidden = !player;
  write(refs(whoami).name, player?.user.username ?? "");
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

// Links within the page change the address; the address decides. Back and forward as well.
addEventListener("hashchange", () => { if (location.hash !== shown) route(); });
addEventListener("popstate", () => { if (location.hash !== shown) route(); });
onIdentity(() => route({ quietly: true }));

resume();
route({ quietly: true });
