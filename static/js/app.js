// The router of the start page: shows the view that the address names.

import { address } from "./base-path.js";
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
let currentHash = null;

const VIEWS = { rooms: openRoom, sessions: openSession };

/** "#/noughts/rooms/7" → {game, kind, id}; null is the home page. */
function requestedView() {
  const match = location.hash.match(/^#\/([^/]+)\/(rooms|sessions)\/(\d+)$/);
  return match && { game: decodeURIComponent(match[1]), kind: match[2], id: match[3] };
}

/**
 * Navigate to another view. `instead` replaces the history entry of this view; `inside` means that the player
 * has already joined the room there.
 */
function go(hash, { instead = false, inside = false } = {}) {
  history[instead ? "replaceState" : "pushState"]({ inside }, "", address(`/${hash}`));
  route();
}

/** Show a page with an error message instead of a view. */
function showError(title, text) {
  show(() => {
    const view = clone("error-view");
    const part = refs(view);
    write(part.title, title);
    write(part.text, text);
    part.text.hidden = !text;
    main.replaceChildren(view);
  });
}

/** Replace the current view. `open` returns a function that closes the new one. */
function show(open, { quietly = false } = {}) {
  close();
  close = () => {};
  // A question belongs to the view that asked it.
  document.getElementById("question").close();
  document.title = TITLE;
  close = open() ?? (() => {});
  if (quietly) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function route({ quietly = false } = {}) {
  const requested = requestedView();
  showPlayerName();
  currentHash = location.hash;
  if (!requested) {
    show(() => {
      if (!home.isConnected) main.replaceChildren(home);
      return openHome(home, { go });
    }, { quietly });
  } else if (!me()) {
    show(() => askForName(requested));
  } else {
    show(() => VIEWS[requested.kind](main, { ...requested, ...gameDetails(requested.game) }, { go, showError }), { quietly });
  }
}

/** Name and limits of a game, from its card on the rendered page. */
function gameDetails(tag) {
  const card = [...home.querySelectorAll("[data-game]")].find((each) => each.dataset.game === tag);
  return { name: card?.dataset.name ?? tag, limits: { min: Number(card?.dataset.min ?? 1) } };
}

/** Ask a visitor without a name before showing a shared link. Setting a name changes the identity, which routes again. */
function askForName({ kind, game }) {
  const view = clone("name-form-view");
  const part = refs(view);
  main.replaceChildren(view);
  write(part.title, t("You are invited to play {name}", gameDetails(game)));
  if (kind === "sessions") {
    write(part.title, t("Choose your name"));
    write(part.text, t("Choose a name to see the game."));
  }
  mountName(part["name-form"]);
}

function showPlayerName() {
  const player = me();
  whoami.hidden = !player;
  write(refs(whoami).name, player?.user.username ?? "");
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

// Links within the page, and back and forward, change the hash.
addEventListener("hashchange", () => { if (location.hash !== currentHash) route(); });
addEventListener("popstate", () => { if (location.hash !== currentHash) route(); });
onIdentity(() => route({ quietly: true }));

resume();
route({ quietly: true });
