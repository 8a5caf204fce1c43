// Talks to the test that started this program: one JSON document per line in each direction.
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export function send(document) {
  process.stdout.write(JSON.stringify(document) + "\n");
}

export async function receive() {
  const { value, done } = await lines.next();
  if (done) throw new Error("standard input has ended");
  return JSON.parse(value);
}

// Lets the user of the test open an authorization URL; returns where the browser is redirected to.
export async function open(url, choice = "grant") {
  send({ open: String(url), choice });
  return new URL((await receive()).redirect);
}

// Returns the error of a call that must fail.
export async function failure(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error(`${call} has not failed`);
}

export async function status(url, token) {
  const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  return response.status;
}
