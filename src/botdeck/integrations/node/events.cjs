"use strict";
// Events as lines of the file that BOTDECK_EVENTS names: schema v1, as the Python SDK writes them (docs/sdk.md).

const crypto = require("node:crypto");
const fs = require("node:fs");

const VERSION = "0.1.0"; // botdeck.__version__; a test compares them
const BEAT_MS = 15_000;
const MOST_BYTES = 65_536;
const MOST_TRACE = 8_000;
const MOST_PEOPLE = 100_000; // remembered; above it we forget them all, which the deck takes as nothing new

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants;
const file = process.env.BOTDECK_EVENTS;
const run = process.env.BOTDECK_RUN || crypto.randomBytes(8).toString("hex");
const people = new Map();
const reported = new WeakSet();
let fd = -1;
let seq = 0;
let dropped = 0;

function emit(event, fields) {
    try {
        const body = JSON.stringify(fields ?? {}).slice(1, -1);
        if (dropped > 0 && write("telemetry.dropped", `"count":${dropped}`)) dropped = 0;
        if (dropped > 0 || !write(event, body)) dropped += 1;
    } catch {
        dropped += 1;
    }
}

// When it returns true, the line outlives a SIGKILL of the bot. The newline before it ends what somebody may have left
// unfinished on a full disk; readers skip empty lines.
function write(event, body) {
    seq += 1;
    const head = { v: 1, event, time: new Date().toISOString(), run, seq };
    const line = Buffer.from(`\n${JSON.stringify(head).slice(0, -1)}${body ? "," : ""}${body}}\n`);
    if (line.length > MOST_BYTES) return false;
    try {
        if (fd < 0) fd = fs.openSync(file, O_WRONLY | O_APPEND | O_CREAT | (O_NONBLOCK ?? 0), 0o600);
        return fs.writeSync(fd, line) === line.length;
    } catch {
        fd = -1; // the next event tries the name again
        return false;
    }
}

let started = false;

function introduce(framework, version) {
    const library = { framework, "framework.version": version };
    if (started) return emit("bot.instrumented", library);
    started = true;
    emit("bot.started", {
        ...(process.env.BOTDECK_BOT && { "service.name": process.env.BOTDECK_BOT }),
        "service.instance.id": run,
        "process.pid": process.pid,
        ...library,
        "telemetry.sdk.language": "nodejs",
        "telemetry.sdk.version": VERSION,
    });
    process.on("uncaughtExceptionMonitor", (error, origin) => reportError(error, origin)); // the crash still happens
}

function exceptionFields(error) {
    const isError = error instanceof Error;
    return {
        "exception.type": String(isError ? error.name : typeof error).slice(0, 200),
        "exception.message": String(isError ? error.message : error).slice(0, 1000),
        "exception.stacktrace": isError ? String(error.stack).slice(0, MOST_TRACE) : "",
    };
}

function markReported(error) {
    if (typeof error === "object" && error !== null) reported.add(error);
}

function reportError(error, where) {
    guard(where, () => {
        if (typeof error === "object" && error !== null && reported.has(error)) return;
        markReported(error);
        emit("error", { where, ...exceptionFields(error) });
    });
}

// Our own faults, which the bot does not see.
function reportOwnError(where, error) {
    emit("telemetry.error", { where, ...exceptionFields(error) });
}

function guard(where, observe) {
    try {
        return observe();
    } catch (error) {
        reportOwnError(where, error);
        return undefined;
    }
}

// Puts a function of ours in the place of a library's; a library that has none there is of another release.
function wrap(owner, name, make) {
    const original = owner?.[name];
    if (typeof original !== "function") throw new Error(`There is no ${name} where the library used to have it.`);
    const wrapper = make(original);
    Object.defineProperty(wrapper, "name", { value: original.name, configurable: true });
    Object.defineProperty(owner, name, { value: wrapper, writable: true, configurable: true, enumerable: false });
}

function seen(id, name, isBot) {
    if (people.get(id) === name) return;
    if (people.size >= MOST_PEOPLE) people.clear();
    people.set(id, name);
    emit("user.seen", { "user.id": id, "user.name": String(name).slice(0, 200), "user.bot": Boolean(isBot) });
}

// One command, from the moment it is taken up to its outcome.
class Command {
    constructor(name, kind, fields) {
        this.fields = { id: crypto.randomBytes(8).toString("hex"), "command.name": String(name).slice(0, 200) };
        emit("command.started", { ...fields, ...this.fields, kind });
        this.began = performance.now();
    }

    finish(outcome, error) {
        const took = Math.round((performance.now() - this.began) * 1000) / 1000;
        const exception = outcome === "error" ? exceptionFields(error) : {};
        if (outcome === "error") markReported(error);
        emit("command.finished", { ...this.fields, duration_ms: took, outcome, ...exception });
    }
}

const calls = { calls: 0, errors: 0, limited: 0, max: 0, counted: false };

const api = {
    // A request came to its end. What fails is told as well, with what the platform said.
    called(began, failure) {
        const limited = failure?.["http.response.status_code"] === 429;
        calls.counted = true;
        calls.calls += 1;
        calls.max = Math.max(calls.max, performance.now() - began);
        if (limited) calls.limited += 1;
        else if (failure) calls.errors += 1;
        if (failure) emit("api.error", failure);
    },
    limited() {
        calls.limited += 1;
    },
    take() {
        if (!calls.counted) return {};
        const fields = {
            "api.calls": calls.calls,
            "api.errors": calls.errors,
            "api.max_ms": Math.round(calls.max * 10) / 10,
            "api.rate_limited": calls.limited,
        };
        calls.calls = calls.errors = calls.limited = calls.max = 0;
        return fields;
    },
};

// Beats from the event loop, where the bot works; the timer keeps no bot alive that has ended. `about` gives the fields
// that tell of the connection.
class Heart {
    constructor(about) {
        this.about = about;
        this.timer = undefined;
    }

    start() {
        if (this.timer === undefined) this.comeRound(undefined);
    }

    comeRound(due) {
        const now = performance.now();
        this.beat({ "eventloop.lag_ms": due === undefined ? 0 : Math.round(Math.max(0, now - due) * 10) / 10 });
        this.timer = setTimeout(() => this.comeRound(now + BEAT_MS), BEAT_MS);
        this.timer.unref();
    }

    beat(fields) {
        emit("heartbeat", { ...api.take(), ...fields, ...guard("heartbeat", this.about) });
    }
}

module.exports = {
    Command, Heart, api, emit, guard, introduce, markReported, reportError, reportOwnError, seen, wrap,
};
