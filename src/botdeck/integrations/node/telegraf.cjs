"use strict";
// telegraf 4. Wrapped: a bot's `middleware` (each update), `callApi` (each call of the API), and the makers of handlers
// for commands, buttons and patterns. No handler is added, least of all for errors.

const { Command, Heart, api, emit, guard, markReported, reportError, seen, wrap } = require("./events.cjs");
const { call } = require("./stacks.cjs");

const PLATFORM = { "chat.platform": "telegram" };

function observe(telegraf) {
    watchCalls(telegraf.Telegram);
    watchUpdates(telegraf.Telegraf);
    watchHandlers(telegraf.Composer);
}

// A bot that polls is connected from its first getUpdates on (who it is was asked before that) for as long as the last
// one that came to an end was answered. Of a bot with a webhook, nobody can tell.
const polling = { connected: undefined };
const heart = new Heart(() => (polling.connected === undefined ? {} : { "gateway.connected": polling.connected }));

function connect(connected) {
    if (polling.connected === connected) return;
    polling.connected = connected;
    emit(connected ? "gateway.ready" : "gateway.disconnect", PLATFORM);
    heart.beat({});
}

function watchCalls(Telegram) {
    wrap(Telegram.prototype, "callApi", (callApi) => function (method, payload, ...rest) {
        const began = performance.now();
        guard("callApi", () => asked(method));
        const calling = callApi.call(this, method, payload, ...rest);
        // The library gets its own promise: what awaits it has us in no stack.
        calling.then(
            (result) => guard("callApi", () => answered(method, payload, began, result)),
            (error) => guard("callApi", () => refused(method, began, error)),
        );
        return calling;
    });
}

function asked(method) {
    heart.start();
    if (method === "getUpdates" && polling.connected === undefined) connect(true);
}

function answered(method, payload, began, result) {
    if (method === "getUpdates") return connect(true);
    api.called(began);
    if (!/^(send|copy|forward)/.test(method) || method === "sendChatAction") return;
    for (const message of Array.isArray(result) ? result : [result]) sent(payload, message);
}

// A copy is answered with its id, and what goes out as the answer to a webhook with nothing.
function sent(payload, message) {
    const text = message?.text ?? message?.caption ?? payload?.text ?? payload?.caption ?? "";
    const id = message?.message_id === undefined ? {} : { "chat.message.id": String(message.message_id) };
    const where = { ...PLATFORM, "chat.channel.id": String(message?.chat?.id ?? payload?.chat_id), ...id };
    emit("message.sent", { ...where, size: Buffer.byteLength(text) });
}

function refused(method, began, error) {
    if (error?.name === "AbortError") return; // the bot stops
    if (method === "getUpdates") {
        markReported(error);
        return connect(false);
    }
    const code = error?.response?.error_code;
    const retryAfter = error?.response?.parameters?.retry_after;
    api.called(began, {
        "http.request.method": "POST",
        "url.template": `/bot{token}/${method}`,
        ...(code !== undefined && { "http.response.status_code": code }),
        "error.type": String(error?.name ?? typeof error),
        ...(retryAfter !== undefined && { retry_after_ms: retryAfter * 1000 }),
    });
}

const taken = new WeakSet(); // the updates that a handler for some commands took

function watchUpdates(Telegraf) {
    wrap(Telegraf.prototype, "middleware", (middleware) => function () {
        const handle = middleware.call(this);
        return (ctx, next) => {
            guard("update", () => cameIn(ctx));
            return call(handle, undefined, [ctx, next], (failed, error) => {
                guard("update", () => dealtWith(ctx, failed, error));
            });
        };
    });
}

const messageOf = (update) => update.message ?? update.channel_post ?? update.business_message;
const userId = (user) => (user ? { "user.id": `telegram:${user.id}` } : {});

function place(message) {
    const ids = { "chat.channel.id": String(message.chat.id), "chat.message.id": String(message.message_id) };
    return { ...PLATFORM, ...ids };
}

function cameIn({ update }) {
    const message = messageOf(update);
    if (message === undefined) return;
    const user = message.from;
    if (user) seen(`telegram:${user.id}`, [user.first_name, user.last_name].filter(Boolean).join(" "), user.is_bot);
    const isBot = user?.is_bot ? { "user.bot": true } : {};
    const size = Buffer.byteLength(message.text ?? message.caption ?? "");
    emit("message.received", { ...userId(user), ...isBot, ...place(message), size });
}

function dealtWith(ctx, failed, error) {
    if (failed) return reportError(error, "handler");
    const message = messageOf(ctx.update);
    const [name, to] = commandIn(message);
    if (name === undefined || taken.has(ctx.update) || (to && to.toLowerCase() !== ctx.me?.toLowerCase())) return;
    emit("command.unknown", { "command.name": name, ...place(message) });
}

// `/Ping@some_bot now` calls `ping` of some_bot.
function commandIn(message) {
    const first = message?.entities?.[0];
    if (first?.type !== "bot_command" || first.offset !== 0 || !message.text) return [];
    const [name, to] = message.text.slice(1, first.length).split("@");
    return [name.toLowerCase(), to];
}

function watchHandlers(Composer) {
    const named = {
        command: (ctx) => [commandIn(ctx.message)[0] ?? "?", "slash"],
        action: (ctx, triggers, { name }) => [typeof triggers === "string" ? triggers : name || "action", "handler"],
        hears: () => undefined, // takes what looks like a command perhaps, and is none
    };
    for (const [maker, name] of Object.entries(named)) {
        wrap(Composer, maker, (make) => function (triggers, first, ...others) {
            const isHandler = typeof first === "function" || (typeof first === "object" && first !== null);
            if (!isHandler) return make.apply(this, arguments);
            const handle = "middleware" in first ? first.middleware() : first;
            const observed = (ctx, next) => {
                const command = guard(maker, () => begin(ctx, name(ctx, triggers, handle)));
                return call(handle, undefined, [ctx, next], (failed, error) => {
                    guard(maker, () => command?.finish(failed ? "error" : "ok", error));
                });
            };
            return make.call(this, triggers, observed, ...others);
        });
    }
}

function begin(ctx, named) {
    taken.add(ctx.update);
    if (named === undefined) return undefined;
    const message = ctx.message ?? ctx.callbackQuery?.message;
    return new Command(...named, { ...(message ? place(message) : PLATFORM), ...userId(ctx.from) });
}

module.exports = { observe };
