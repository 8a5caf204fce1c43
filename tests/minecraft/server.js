// A Minecraft server that speaks the game's own protocol, and writes and takes in the words of the vanilla one.
//
//   node server.js PORT [--world]   in the server's folder: writes to its console and to logs/latest.log, which it
//   rolls when it starts; takes commands from its input, until `stop`. With --world it needs an agreement to the EULA,
//   keeps a world on disk, and takes the commands of saving.

"use strict";

const fs = require("node:fs");
const readline = require("node:readline");
const zlib = require("node:zlib");
const nbt = require("prismarine-nbt");
const protocol = require("minecraft-protocol");

const VERSION = "1.21.4";
/** Characters; who says more is put out, as the game does. */
const LONGEST = 256;
const KEEPS_WORLD = process.argv.includes("--world");
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

/** Write the world. Its two files agree whenever saving is off. */
function save() {
  fs.mkdirSync("world/region", { recursive: true });
  saves += 1;
  const number = Buffer.from(`${saves}\n`);
  fs.writeFileSync("world/region/r.0.0.mca", Buffer.concat([Buffer.alloc(8192), number]));
  const data = { Version: nbt.comp({ Name: nbt.string(VERSION), Id: nbt.int(4189) }), LevelName: nbt.string("world"), DayTime: nbt.long([0, 6000]), Time: nbt.long([0, 30000]), raining: nbt.byte(0), thundering: nbt.byte(0) };
  const level = nbt.writeUncompressed({ ...nbt.comp({ Data: nbt.comp(data) }), name: "" });
  fs.writeFileSync("world/level.dat.new", zlib.gzipSync(level));
  fs.renameSync("world/level.dat.new", "world/level.dat");
}

/** As the game does without an agreement: it writes eula.txt, says so, and ends with status 0. */
function requireEula() {
  const text = fs.existsSync("eula.txt") ? fs.readFileSync("eula.txt", "utf8") : "";
  if (/^eula=true$/mi.test(text)) return;
  fs.writeFileSync("eula.txt", "eula=false\n");
  say("You need to agree to the EULA in order to run the server. Go to eula.txt for more info.");
  process.exit(0);
}

let saves = 0;
let savesByItself = true;

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
  "save-off": () => {
    say(savesByItself ? "Automatic saving is now disabled" : "Saving is already turned off");
    savesByItself = false;
  },
  "save-on": () => {
    say(savesByItself ? "Saving is already turned on" : "Automatic saving is now enabled");
    savesByItself = true;
  },
  "save-all": () => {
    say("Saving the game (this may take a moment!)");
    save();
    say("Saved the game");
  },
  op: (name) => say(`Made ${name} a server operator`),
  gamerule: (text) => say(`Gamerule ${text.replace(" ", " is now set to: ")}`),
  stop: () => {
    say("Stopping the server");
    say("Stopping server");
    for (const client of players.values()) client.end("Server closed");
    server.close();
    if (KEEPS_WORLD) save();
    process.exit();
  },
};

function command(line) {
  const [, word, rest] = line.trim().match(/^\/?(\S*)\s*(.*)$/);
  if (COMMANDS[word]) COMMANDS[word](rest);
  else if (word) say("Unknown or incomplete command, see below for error");
}

say(`Starting minecraft server version ${VERSION}`);
if (KEEPS_WORLD) {
  requireEula();
  save();
  setInterval(() => savesByItself && save(), 50).unref();
}
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
