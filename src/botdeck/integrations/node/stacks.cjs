"use strict";
// Calls functions of the bot in a way that shows in no stack: bots print those of what they catch.

const OURS = 2; // a wrapper, and `call`
let lent = 0;

// Calls it, and `done(failed, error)` when what it returns is settled; hands on what it returns or throws. To be called
// by a wrapper itself.
function call(work, self, args, done) {
    const failed = (error) => {
        withoutOurs(error);
        done(true, error);
    };
    const limit = lend();
    let working;
    try {
        working = work.apply(self, args);
    } catch (error) {
        failed(error);
        throw error;
    } finally {
        takeBack(limit);
    }
    if (typeof working?.then === "function") working.then(() => done(false), failed);
    else done(false);
    return working;
}

// V8 keeps so many frames of a stack. Without more of them, ours would push out others.
function lend() {
    const limit = Error.stackTraceLimit;
    if (typeof limit !== "number" || !Reflect.set(Error, "stackTraceLimit", limit + OURS)) return undefined;
    lent += OURS;
    return limit;
}

function takeBack(limit) {
    if (limit === undefined) return;
    lent -= OURS;
    if (Error.stackTraceLimit === limit + OURS) Error.stackTraceLimit = limit;
}

function withoutOurs(error) {
    if (!(error instanceof Error) || typeof error.stack !== "string") return;
    const lines = error.stack.split("\n");
    const kept = lines.filter((line) => !line.includes(__dirname));
    const most = Error.stackTraceLimit - lent;
    const frames = kept.filter((line) => line.startsWith("    at ")).length;
    if (frames > most && frames <= most + 2 * OURS) kept.length -= frames - most; // a deep one, with more than it had
    if (kept.length === lines.length) return;
    Object.defineProperty(error, "stack", { value: kept.join("\n"), writable: true, configurable: true });
}

module.exports = { call };
