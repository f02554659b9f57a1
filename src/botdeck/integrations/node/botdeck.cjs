"use strict";
// Instruments bots of discord.js and telegraf whose files are not changed. The runner names this file in NODE_OPTIONS,
// so each Node that a bot starts loads it before the program's first line: it must take next to no time, work with
// Node 18 and newer, and keep its faults to itself.

const path = require("node:path");

const ENTRY =
    /[\\/]node_modules[\\/](?:(discord\.js)[\\/]src[\\/]index\.js|(telegraf)[\\/]lib[\\/]index\.js)$/;
const OBSERVERS = { "discord.js": "./discordjs.cjs", telegraf: "./telegraf.cjs" };

// A module is `loaded` when its last line has run, whoever asked for it: require, import, or another module. We look
// at that, because a function of ours around the loading would show in the stack of all that a bot does as it starts.
function tellWhenLoaded(Module, entry, tell) {
    Object.defineProperty(Module.prototype, "loaded", {
        configurable: true,
        enumerable: false,
        get: () => false,
        set(value) {
            const library = typeof this.id === "string" ? entry.exec(this.id) : null;
            if (library !== null && value !== true) return; // not yet, so keep watching it
            Object.defineProperty(this, "loaded", { value, writable: true, enumerable: true, configurable: true });
            if (library !== null) tell(library[1] ?? library[2], this);
        },
    });
}

function instrument(library, module) {
    try {
        const { introduce, reportOwnError } = require("./events.cjs");
        try {
            const manifest = path.join(path.dirname(module.id), "..", "package.json");
            introduce(library, require(manifest).version);
            require(OBSERVERS[library]).observe(module.exports);
        } catch (error) {
            reportOwnError(library, error);
        }
    } catch {
        // A damaged Botdeck: the bot comes first.
    }
}

if (process.env.BOTDECK_EVENTS) {
    try {
        tellWhenLoaded(require("node:module"), ENTRY, instrument);
    } catch {
        // A Node that does it another way.
    }
}
