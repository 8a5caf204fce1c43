// One request and one answer. Knows nothing of players: see api.js for calls in somebody's name.

/** What went wrong. `code` is the server's dotted code; status 0 means no answer came at all. */
export class Problem extends Error {
  constructor(code, status = 0, wait = 0) {
    super(code);
    this.code = code;
    this.status = status;
    this.wait = wait;
  }

  /** Whether the same request, with the same key, may well succeed later. */
  get retryable() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** A key for one action of the user. Not crypto.randomUUID: that needs https. */
export function newKey() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3})(.)(.{3})(.{12})$/, (_, a, b, c, d, e, f) =>
    `${a}-${b}-4${c}-${"89ab"[parseInt(d, 16) & 3]}${e}-${f}`);
}

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Half to full of a doubling wait that stops growing at `maxWait`: a crowd must not return in step. */
export const backoff = (misses, maxWait = 5000) => Math.min(maxWait, 250 * 2 ** misses) * (0.5 + Math.random() / 2);

export async function problemFrom(response) {
  let payload = null;
  try {
    payload = await response.json();
  } catch { /* an answer that is not ours, from a proxy perhaps: the status says enough */ }
  const wait = Number(response.headers.get("Retry-After")) || 0;
  const code = payload?.error;
  return Object.assign(new Problem(typeof code === "string" ? code : "", response.status, wait * 1000), { payload });
}

/** The open response, refused ones thrown. `timeout` bounds the wait for its head, not for its body. */
export async function open(path, { timeout = 15000, signal, ...init } = {}) {
  const cut = new AbortController();
  const stop = () => cut.abort();
  signal?.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(stop, timeout);
  try {
    if (signal?.aborted) stop();
    const response = await fetch(path, { cache: "no-store", credentials: "same-origin", ...init, signal: cut.signal });
    if (!response.ok) throw await problemFrom(response);
    return response;
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("network");
  } finally {
    clearTimeout(timer);
  }
}

/** → {status, data, made, cursor, total, lost}; `made` is the id at the end of Location. */
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
    made: response.headers.get("Location")?.match(/(\d+)\/?$/)?.[1] ?? null,
    cursor: number("X-Event-Cursor"),
    total: number("X-Total-Results"),
    lost: response.headers.get("X-Events-Lost") === "true",
  };
}
