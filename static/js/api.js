// Calls in the player's name. A spent token is renewed once; an action keeps its key while it is tried.

import { backoff, newKey, pause, Problem, request } from "./http.js";
import { refreshToken, token } from "./identity.js";

const ACTION_TIMEOUT_MS = 20000;

export const paths = {
  game: (game) => `/games/${encodeURIComponent(game)}`,
  rooms: (game) => `${paths.game(game)}/rooms`,
  room: (game, id) => `${paths.rooms(game)}/${id}`,
  session: (game, id) => `${paths.game(game)}/sessions/${id}`,
};

export const hashes = {
  room: (game, id) => `#/${encodeURIComponent(game)}/rooms/${id}`,
  session: (game, id) => `#/${encodeURIComponent(game)}/sessions/${id}`,
};

export const tokenRejected = (problem) => problem.status === 401 || problem.code === "auth.invalid";

/** Run `call(bearer)`, and once more with a new token if the old one is no longer good. */
export async function withToken(call) {
  const bearer = await token();
  try {
    return await call(bearer);
  } catch (problem) {
    if (!(problem instanceof Problem) || !tokenRejected(problem)) throw problem;
    return call(await refreshToken(bearer));
  }
}

/** In whose name one listens: `call(work)` runs work(bearer); a socket's address has what `ticket` gives. */
export const guest = {
  call: withToken,
  async ticket(options) {
    const { data } = await withToken((bearer) => request("POST", "/accounts/ticket", { bearer, body: {}, ...options }));
    return { ticket: data.ticket };
  },
  renew: async () => refreshToken(await token()),
};

/** Likewise for who is signed in, whose cookie says so, and for who need not be. */
export const cookie = { call: (work) => work(""), ticket: async () => ({}) };

export const send = (method, path, options = {}) => withToken((bearer) => request(method, path, { ...options, bearer }));

export const get = (path, options) => send("GET", path, options);

/** Read until it is read: a document somebody is waiting for. Stops with the signal, or at a real refusal. */
export async function getWithRetry(path, signal, missed = () => {}) {
  for (let misses = 0; ; misses += 1) {
    try {
      return await get(path, { signal });
    } catch (problem) {
      if (signal.aborted || !(problem instanceof Problem) || !problem.retryable) throw problem;
      missed();
      await pause(Math.max(problem.wait, backoff(misses)));
      if (signal.aborted) throw problem;
    }
  }
}

/** One action of the user: tried again under the same key until it is answered or time is up. */
export async function postAction(path, body = {}) {
  const key = newKey();
  const until = Date.now() + ACTION_TIMEOUT_MS;
  for (let misses = 0; ; misses += 1) {
    try {
      return await send("POST", path, { body, key });
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.retryable) throw problem;
      const wait = Math.max(problem.wait, backoff(misses));
      if (Date.now() + wait > until) throw problem;
      await pause(wait);
    }
  }
}
