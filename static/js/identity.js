// Who plays in this browser: one player for all its tabs, and a nameless watcher until there is a name.

import { request } from "./http.js";

const STORAGE_KEY = "coalserver.player";
const changes = new EventTarget();
let memory = null;
let watcher = null;

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? memory;
  } catch {
    return memory;
  }
}

function storePlayer(player) {
  const before = me()?.user.userId;
  memory = player;
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(player));
  } catch { /* storage is blocked: the name lasts as long as the page */ }
  if (before !== player.user.userId) changes.dispatchEvent(new Event("change"));
}

/** {token, user: {userId, username}}, or null before a name is chosen. */
export function me() {
  const player = read();
  return player?.token && player.user ? player : null;
}

export const isMe = (user) => me() !== null && String(user?.userId) === String(me().user.userId);

export function onIdentity(listener) {
  changes.addEventListener("change", listener);
}

let known = me()?.user.userId;
addEventListener("storage", (event) => {
  if (event.key !== STORAGE_KEY && event.key !== null) return;
  if (event.key === null) memory = null;
  const now = me()?.user.userId;
  if (now !== known) changes.dispatchEvent(new Event("change"));
});
changes.addEventListener("change", () => { known = me()?.user.userId; });

async function login(username) {
  const body = { credentialType: "guest", ...(username ? { username } : {}) };
  const { data } = await request("POST", "/accounts/login", { body });
  return { token: data.token, user: data.user };
}

/** Take a name. A name taken before is left, and its games with it: names are players here. */
export async function takeName(username) {
  const before = me();
  const player = await login(username);
  storePlayer(player);
  if (before) leave(before.token);
  dismissWatcher();
  return player;
}

function leave(token, options = {}) {
  request("POST", "/accounts/logout", { bearer: token, ...options }).catch(() => { /* it ends by itself */ });
}

function dismissWatcher(options) {
  watcher?.then((player) => leave(player.token, options), () => {});
  watcher = null;
}

// A visitor who goes without having taken a name leaves no guest behind.
addEventListener("pagehide", () => dismissWatcher({ keepalive: true }));

export async function token() {
  const player = me();
  if (player) return player.token;
  watcher ??= login();
  try {
    return (await watcher).token;
  } catch (problem) {
    watcher = null;
    throw problem;
  }
}

// Two tabs that find the token spent must not become two players. Locks need https; without them the
// second tab adopts what the first one stored, or the other way round.
const withLock = (work) => (navigator.locks ? navigator.locks.request("coalserver.login", work) : work());

let refreshing = null;

/** A token in place of one that the server no longer takes. */
export function refreshToken(spent) {
  refreshing ??= withLock(async () => {
    const player = me();
    if (!player) {
      watcher = null;
      return token();
    }
    if (player.token !== spent) return player.token;
    storePlayer(await login(player.user.username));
    return me().token;
  }).finally(() => { refreshing = null; });
  return refreshing;
}
