// API calls with the player's token. An expired token is renewed once; retries of an action keep its idempotency key.

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

/** Run `call(bearer)`, and once more with a new token if the server rejects the old one. */
export async function withToken(call) {
  const bearer = await token();
  try {
    return await call(bearer);
  } catch (problem) {
    if (!(problem instanceof Problem) || !tokenRejected(problem)) throw problem;
    return call(await refreshToken(bearer));
  }
}

/** Authentication of feeds by the player's token. `call(work)` runs work(bearer); `ticket` returns query parameters of WebSockets. */
export const guest = {
  call: withToken,
  async ticket(options) {
    const { data } = await withToken((bearer) => request("POST", "/accounts/ticket", { bearer, body: {}, ...options }));
    return { ticket: data.ticket };
  },
  renew: async () => refreshToken(await token()),
};

/** Authentication of feeds by the login cookie, or without login. */
export const cookie = { call: (work) => work(""), ticket: async () => ({}) };

export const send = (method, path, options = {}) => withToken((bearer) => request(method, path, { ...options, bearer }));

export const get = (path, options) => send("GET", path, options);

/** GET with retries. Stops when the signal is aborted, and throws errors that a retry cannot fix. */
export async function getWithRetry(path, signal, onRetry = () => {}) {
  for (let retries = 0; ; retries += 1) {
    try {
      return await get(path, { signal });
    } catch (problem) {
      if (signal.aborted || !(problem instanceof Problem) || !problem.retryable) throw problem;
      onRetry();
      await pause(Math.max(problem.wait, backoff(retries)));
      if (signal.aborted) throw problem;
    }
  }
}

/** POST with retries under one idempotency key, until the server answers or the time is up. */
export async function postAction(path, body = {}) {
  const key = newKey();
  const until = Date.now() + ACTION_TIMEOUT_MS;
  for (let retries = 0; ; retries += 1) {
    try {
      return await send("POST", path, { body, key });
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.retryable) throw problem;
      const wait = Math.max(problem.wait, backoff(retries));
      if (Date.now() + wait > until) throw problem;
      await pause(wait);
    }
  }
}
