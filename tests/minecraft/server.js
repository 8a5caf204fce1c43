// A Minecraft server that speaks the game's own protocol, and writes and takes in the words of the vanilla one.
//
//   node server.js PORT   in the server's folder: writes to its console and to logs/latest.log, which it rolls when it
//   starts; takes commands from its input, until `stop`.

"use strict";

const fs = require("node:fs");
const readline = require("node:readline");
const zlib = require("node:zlib");
const nbt = require("prismarine-nbt");
const protocol = require("minecraft-protocol");

const VERSION = "1.21.4";
/** Characters; who says more is put out, as the game does. */
const LONGEST = 256;
const { loginPacket } = require("minecraft-data")(VERSION);

const started = process.hrtime.bigint();
const players = new Map();
let entities = 0;

/** As log4j does: the log of before is packed under the day on which it was written to last. */
function roll() {
  if (!fs.existsSync("logs/latest.log")) return;
  const day = fs.statSync("logs/latest.log").mtime.toLocaleDateString("sv");
  let number = 1;
  while (fs.existsSync(`logs/${day}-${number}.log.gz`)) number += 1;
  const aside = `logs/${day}-${number}.log`;
  fs.renameSync("logs/latest.log", aside);
  fs.writeFileSync(`${aside}.gz`, zlib.gzipSync(fs.readFileSync(aside)));
  fs.unlinkSync(aside);
}

fs.mkdirSync("logs", { recursive: true });
roll();
const log = fs.openSync("logs/latest.log", "a");

function say(text, thread = "Server thread") {
  const clock = new Date().toTimeString().slice(0, 8);
  const line = `[${clock}] [${thread}/INFO]: ${text}\n`;
  fs.writeSync(log, line);
  process.stdout.write(line);
}

/** What everybody in the game reads. */
function tell(text) {
  const content = nbt.comp({ text: nbt.string(text) });
  for (const client of players.values()) client.write("system_chat", { content, isActionBar: false });
}

function announce(text) {
  say(text);
  tell(text);
}

function chat(text) {
  say(`[Not Secure] ${text}`);
  tell(text);
}

function spawn(client) {
  client.write("login", { ...loginPacket, entityId: client.entity, maxPlayers: server.maxPlayers, enforcesSecureChat: false });
  const still = { x: 0, y: 64, z: 0, dx: 0, dy: 0, dz: 0, yaw: 0, pitch: 0 };
  client.write("position", { teleportId: 1, ...still, flags: {} });
  client.write("update_health", { health: 20, food: 20, foodSaturation: 5 });
}

function join(client) {
  const { username } = client;
  players.get(username)?.end("You logged in from another location");
  client.entity = entities += 1;
  players.set(username, client);
  const { remoteAddress, remotePort } = client.socket;
  say(`UUID of player ${username} is ${client.uuid}`, "User Authenticator #1");
  say(`${username}[/${remoteAddress}:${remotePort}] logged in with entity id ${client.entity} at (0.5, 64.0, 0.5)`);
  client.on("chat_message", ({ message }) => {
    if (message.length > LONGEST) client.end("Chat message was too long");
    else chat(`<${username}> ${message}`);
  });
  client.on("chat_command", ({ command }) => {
    if (command.startsWith("me ")) chat(`* ${username} ${command.slice(3)}`);
    // As others do, it tells what it is asked to die of.
    if (command === "kill") announce(`${username} was killed`);
  });
  client.once("end", (reason) => leave(client, reason));
  spawn(client);
  announce(`${username} joined the game`);
}

function leave(client, reason) {
  const { username } = client;
  if (players.get(username) === client) players.delete(username);
  say(`${username} lost connection: ${reason === "SocketClosed" ? "Disconnected" : reason}`);
  announce(`${username} left the game`);
}

const COMMANDS = {
  list: () => say(`There are ${players.size} of a max of ${server.maxPlayers} players online: ${[...players.keys()].join(", ")}`),
  say: (text) => chat(`[Server] ${text}`),
  stop: () => {
    say("Stopping the server");
    say("Stopping server");
    for (const client of players.values()) client.end("Server closed");
    server.close();
    process.exit();
  },
};

function command(line) {
  const [, word, rest] = line.trim().match(/^\/?(\S*)\s*(.*)$/);
  if (COMMANDS[word]) COMMANDS[word](rest);
  else if (word) say("Unknown or incomplete command, see below for error");
}

say(`Starting minecraft server version ${VERSION}`);
const port = Number(process.argv[2]);
say(`Starting Minecraft server on *:${port}`);
const server = protocol.createServer({ host: "127.0.0.1", port, version: VERSION, "online-mode": false, maxPlayers: 20 });
server.on("playerJoin", join);
server.on("error", (error) => {
  say(`**** ${error.message}`);
  process.exit(1);
});
server.on("listening", () => {
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  say(`Done (${seconds.toFixed(3)}s)! For help, type "help"`);
});
readline.createInterface({ input: process.stdin }).on("line", command);
