// Players without anybody behind them, for as many as are asked for.
//
//   node bots.js   takes in {"bot", "do": "join" | "say" | "leave", "text" | "port"}, one document a line, and tells
//   {"bot", "joined" | "heard" | "left"} in the same way.

"use strict";

const readline = require("node:readline");
const mineflayer = require("mineflayer");

const VERSION = "1.21.4";
const bots = new Map();

const tell = (document) => process.stdout.write(`${JSON.stringify(document)}\n`);

const DEEDS = {
  join: (name, { port }) => {
    const bot = mineflayer.createBot({ host: "127.0.0.1", port, username: name, auth: "offline", version: VERSION, physicsEnabled: false });
    bots.set(name, bot);
    bot.once("spawn", () => tell({ bot: name, joined: true }));
    bot.on("messagestr", (text) => tell({ bot: name, heard: text }));
    bot.once("end", (reason) => tell({ bot: name, left: reason }));
    bot.on("error", (error) => tell({ bot: name, left: error.message }));
  },
  say: (name, { text }) => bots.get(name).chat(text),
  leave: (name) => bots.get(name).quit(),
};

readline.createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { bot, do: deed, ...how } = JSON.parse(line);
    DEEDS[deed](bot, how);
  })
  .on("close", () => process.exit());
