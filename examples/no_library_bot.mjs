// A bot for Node without any library: it reads "NICK TEXT" lines, answers !ping, and tells Botdeck by appending lines of
// JSON to the file that BOTDECK_EVENTS names. Flag "a" is O_APPEND and one writeSync is one write, so lines of several
// processes do not mix.

import { openSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const events = process.env.BOTDECK_EVENTS ? openSync(process.env.BOTDECK_EVENTS, "a") : null;

function tell(event, fields = {}) {
  if (events === null) return;
  const line = { v: 1, event, time: new Date().toISOString(), run: process.env.BOTDECK_RUN, ...fields };
  try {
    writeSync(events, `\n${JSON.stringify(line)}\n`);
  } catch {
    // A full disk is no reason for a bot to end.
  }
}

function command(name, id, user, work) {
  const began = performance.now();
  tell("command.started", { id, "command.name": name, kind: "prefix", "user.id": user });
  let failure = null;
  try {
    work();
  } catch (error) {
    failure = error;
  }
  tell("command.finished", {
    id,
    "command.name": name,
    duration_ms: performance.now() - began,
    outcome: failure ? "error" : "ok",
    ...(failure && { "exception.type": failure.name, "exception.message": failure.message }),
  });
}

function answer(text) {
  console.log(text);
  tell("message.sent", { "chat.platform": "console", size: Buffer.byteLength(text) });
}

tell("bot.started", { framework: "node", "framework.version": process.versions.node, "process.pid": process.pid });
let number = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const [nick, ...words] = line.split(" ");
  const text = words.join(" ");
  const [user, id] = [`console:${nick}`, String(++number)];
  const told = { "user.id": user, "chat.message.id": id, "chat.platform": "console", size: Buffer.byteLength(text) };
  tell("message.received", told);
  if (text === "!ping") command("ping", id, user, () => answer(`pong, ${nick}`));
  if (text === "!boom") {
    command("boom", id, user, () => {
      throw new RangeError("no such thing");
    });
  }
}
