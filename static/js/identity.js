// The player of this browser, shared by all its tabs; a guest without a name until a name is set.

import { storageKey } from "./base-path.js";
import { request } from "./http.js";

const STORAGE_KEY = storageKey("coalserver.player");
const changes = new EventTarget();
let memory = null;
let anonymous = null;

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
  } catch { /* storage is blocked: the name is kept until the page is closed */ }
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

let knownId = me()?.user.userId;
addEventListener("storage", (event) => {
  if (event.key !== STORAGE_KEY && event.key !== null) return;
  if (event.key === null) memory = null;
  const now = me()?.user.userId;
  if (now !== knownId) changes.dispatchEvent(new Event("change"));
});
changes.addEventListener("change", () => { knownId = me()?.user.userId; });

async function login(username) {
  const body = { credentialType: "guest", ...(username ? { username } : {}) };
  const { data } = await request("POST", "/accounts/login", { body });
  return { token: data.token, user: data.user };
}

/** Log in under a name. Each name is a player: the previous one is logged out and leaves its games. */
export async function setName(username) {
  const before = me();
  const player = await login(username);
  storePlayer(player);
  if (before) logout(before.token);
  logoutAnonymous();
  return player;
}

function logout(token, options = {}) {
  request("POST", "/accounts/logout", { bearer: token, ...options }).catch(() => { /* the token expires */ });
}

function logoutAnonymous(options) {
  anonymous?.then((player) => logout(player.token, options), () => {});
  anonymous = null;
}

// Log out the guest of a visitor who leaves without setting a name.
addEventListener("pagehide", () => logoutAnonymous({ keepalive: true }));

export async function token() {
  const player = me();
  if (player) return player.token;
  anonymous ??= login();
  try {
    return (await anonymous).token;
  } catch (problem) {
    anonymous = null;
    throw problem;
  }
}

// Two tabs with an expired token must not become two players. Locks need HTTPS; without them one tab
// takes over the player that the other one stored.
const withLock = (work) => (navigator.locks ? navigator.locks.request("coalserver.login", work) : work());

let refreshing = null;

/** Return a token in place of a rejected one. */
export function refreshToken(rejected) {
  refreshing ??= withLock(async () => {
    const player = me();
    if (!player) {
      anonymous = null;
      return token();
    }
    if (player.token !== rejected) return player.token;
    storePlayer(await login(player.user.username));
    return me().token;
  }).finally(() => { refreshing = null; });
  return refreshing;
}
