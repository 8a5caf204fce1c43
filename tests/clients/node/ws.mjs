// Opens a WebSocket with ws; prints what happens as one JSON document per line, and sends the lines of its input.
import { createInterface } from "node:readline";
import WebSocket from "ws";

const { url, headers } = JSON.parse(process.argv[2]);
const socket = new WebSocket(url, { headers });

function print(document) {
  process.stdout.write(JSON.stringify(document) + "\n");
}

function finish(document) {
  print(document);
  process.exit(0);
}

socket.on("open", () => createInterface({ input: process.stdin }).on("line", (line) => socket.send(line)));
socket.on("message", (data) => print({ message: JSON.parse(data) }));
socket.on("unexpected-response", (request, response) => finish({ refused: response.statusCode }));
socket.on("error", ({ message }) => finish({ ended: message }));
socket.on("close", (code, reason) => finish({ ended: String(code), reason: String(reason) }));
