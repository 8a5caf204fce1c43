// Calls in the player's name. A spent token is renewed once; an action keeps its key while it is tried.

import { backoff, newKey, pause, Problem, request } from "./http.js";
import { renewed, token } from "./identity.js";

const ACT_FOR = 20000;

export const paths = {
  game: (game) => `/games/${encodeURIComponent(game)}`,
  rooms: (game) => `${paths.game(game)}/rooms`,
  room: (game, id) => `${paths.rooms(game)}/${id}`,
  session: (game, id) => `${paths.game(game)}/sessions/${id}`,
};

export const places = {
  room: (game, id) => `#/${encodeURIComponent(game)}/rooms/${id}`,
  session: (game, id) => `#/${encodeURIComponent(game)}/sessions/${id}`,
};

export const spent = (problem) => problem.status === 401 || problem.code === "auth.invalid";

/** Run `call(bearer)`, and once more with a new token if the old one is no longer good. */
export async function authorised(call) {
  const bearer = await token();
  try {
    return await call(bearer);
  } catch (problem) {
    if (!(problem instanceof Problem) || !spent(problem)) throw problem;
    return call(await renewed(bearer));
  }
}

/** In whose name one listens: `call(work)` runs work(bearer); a socket's address has what `ticket` gives. */
export const guest = {
  call: authorised,
  async ticket(options) {
    const { data } = await authorised((bearer) => request("POST", "/accounts/ticket", { bearer, body: {}, ...options }));
    return { ticket: data.ticket };
  },
  renew: async () => renewed(await token()),
};

/** Likewise for who is signed in, whose cookie says so, and for who need not be. */
export const cookie = { call: (work) => work(""), ticket: async () => ({}) };

export const send = (method, path, options = {}) => authorised((bearer) => request(method, path, { ...options, bearer }));

export const see = (path, options) => send("GET", path, options);

/** Read until it is read: a document somebody is waiting for. Stops with the signal, or at a real refusal. */
export async function seeInTheEnd(path, signal, missed = () => {}) {
  for (let misses = 0; ; misses += 1) {
    try {
      return await see(path, { signal });
    } catch (problem) {
      if (signal.aborted || !(problem instanceof Problem) || !problem.passing) throw problem;
      missed();
      await pause(Math.max(problem.wait, backoff(misses)));
      if (signal.aborted) throw problem;
    }
  }
}

/** One action of the user: tried again under the same key until it is answered or time is up. */
export async function act(path, body = {}) {
  const key = newKey();
  const until = Date.now() + ACT_FOR;
  for (let misses = 0; ; misses += 1) {
    try {
      return await send("POST", path, { body, key });
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.passing) throw problem;
      const wait = Math.max(problem.wait, backoff(misses));
      if (Date.now() + wait > until) throw problem;
      await pause(wait);
    }
  }
}
