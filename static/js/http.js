// Requests without authentication; see api.js for calls with a player's token.

import { address } from "./base-path.js";

/** A failed request. `code` is the server's dotted code; status 0 means that there was no response. */
export class Problem extends Error {
  constructor(code, status = 0, wait = 0) {
    super(code);
    this.code = code;
    this.status = status;
    this.wait = wait;
  }

  /** Whether the same request with the same key can succeed later. */
  get retryable() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Return an idempotency key. crypto.randomUUID needs HTTPS. */
export function newKey() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3})(.)(.{3})(.{12})$/, (_, a, b, c, d, e, f) =>
    `${a}-${b}-4${c}-${"89ab"[parseInt(d, 16) & 3]}${e}-${f}`);
}

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Return an exponential wait in milliseconds with jitter, so that clients do not reconnect at the same time. */
export const backoff = (retries, maxWait = 5000) => Math.min(maxWait, 250 * 2 ** retries) * (0.5 + Math.random() / 2);

export async function problemFrom(response) {
  let payload = null;
  try {
    payload = await response.json();
  } catch { /* not a response of this server, but of a proxy: the status is enough */ }
  const wait = Number(response.headers.get("Retry-After")) || 0;
  const code = payload?.error;
  return Object.assign(new Problem(typeof code === "string" ? code : "", response.status, wait * 1000), { payload });
}

/** Return the response; throws Problem for error statuses. `timeout` covers the headers, not the body. */
export async function open(path, { timeout = 15000, signal, ...init } = {}) {
  const cut = new AbortController();
  const stop = () => cut.abort();
  signal?.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(stop, timeout);
  try {
    if (signal?.aborted) stop();
    const response = await fetch(address(path), { cache: "no-store", credentials: "same-origin", ...init, signal: cut.signal });
    if (!response.ok) throw await problemFrom(response);
    return response;
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("network");
  } finally {
    clearTimeout(timer);
  }
}

/** → {status, data, id, cursor, total, lost}; `id` is the one at the end of Location. */
export async function request(method, path, { body, key, bearer, ...rest } = {}) {
  const headers = { Accept: "application/json" };
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (key) headers["Idempotency-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await open(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), ...rest });
  let text;
  try {
    text = await response.text();
  } catch {
    throw new Problem("network");
  }
  const number = (name) => (response.headers.has(name) ? Number(response.headers.get(name)) : null);
  return {
    status: response.status,
    data: text ? JSON.parse(text) : null,
    id: response.headers.get("Location")?.match(/(\d+)\/?$/)?.[1] ?? null,
    cursor: number("X-Event-Cursor"),
    total: number("X-Total-Results"),
    lost: response.headers.get("X-Events-Lost") === "true",
  };
}
