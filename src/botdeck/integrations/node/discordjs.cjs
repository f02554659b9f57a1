"use strict";
// discord.js 14. What comes in is looked at where the gateway's packets arrive, before the library deals with them, and
// so is what the bot says, which Discord tells it, too. Listeners of `interactionCreate` are wrapped, in the way in
// which Node itself wraps those of `once`: they are the only place where a command has an end. discord.js knows no
// other commands, and which ones a bot knows is known to the bot alone.

const { Command, Heart, api, emit, guard, seen, wrap } = require("./events.cjs");
const { call } = require("./stacks.cjs");

const PLATFORM = { "chat.platform": "discord" };
const APPLICATION_COMMAND = 2;
const INTERACTION = "interactionCreate";
const READY = 0; // of discord.js's Status

function observe(discord) {
    watchGateway(discord.WebSocketManager);
    watchListeners(discord.Client);
    watchCalls(discord.REST);
}

function watchGateway(WebSocketManager) {
    wrap(WebSocketManager.prototype, "attachEvents", (attachEvents) => function () {
        const gateway = new Gateway(this);
        guard("attachEvents", () => gateway.listen());
        const result = attachEvents.call(this);
        guard("attachEvents", () => gateway.listenAfterwards());
        return result;
    });
}

class Gateway {
    constructor(manager) {
        this.manager = manager;
        this.up = new Map(); // whether each shard is
        this.heart = new Heart(() => this.about());
    }

    listen() {
        const packets = this.manager._ws;
        packets.on("dispatch", ({ data }) => guard(data.t, () => this.received(data)));
        packets.on("ready", ({ shardId }) => this.turned(shardId, true));
        packets.on("resumed", ({ shardId }) => this.turned(shardId, true, { "gateway.resumed": true }));
        packets.on("closed", ({ shardId }) => this.turned(shardId, false));
        this.manager.client.rest.on("rateLimited", () => api.limited());
        this.heart.start();
    }

    // By now, the listeners of an interaction were called, and those that work on it have said so.
    listenAfterwards() {
        this.manager._ws.on("dispatch", ({ data }) => {
            if (data.t !== "INTERACTION_CREATE") return;
            guard(data.t, () => running.get(data.d.id)?.dispatched(this.manager.status === READY));
        });
    }

    about() {
        const states = [...this.up.values()];
        const { ping } = this.manager;
        const latency = ping >= 0 ? { "gateway.latency_ms": ping } : {}; // -1 and NaN before the first answer
        const servers = [...this.manager.client.guilds.cache.values()];
        return {
            "gateway.connected": states.length > 0 && states.every(Boolean),
            ...latency,
            servers: servers.length,
            members: servers.reduce((sum, { memberCount }) => sum + (memberCount || 0), 0),
        };
    }

    turned(shard, up, more) {
        if (Boolean(this.up.get(shard)) === up) return;
        this.up.set(shard, up);
        emit(up ? "gateway.ready" : "gateway.disconnect", { ...PLATFORM, shard, ...more });
        this.heart.beat({});
    }

    received({ t: name, d: data }) {
        if (name === "MESSAGE_CREATE") message(data, this.manager.client.user?.id);
        if (name === "INTERACTION_CREATE" && data.type === APPLICATION_COMMAND) new Running(data);
    }
}

function place(data) {
    const server = data.guild_id ? { "chat.server.id": data.guild_id } : {};
    return { ...PLATFORM, ...server, "chat.channel.id": data.channel_id };
}

function meet(user, isBot) {
    seen(`discord:${user.id}`, user.global_name ?? user.username, isBot);
}

function message(data, self) {
    const about = { ...place(data), "chat.message.id": data.id, size: Buffer.byteLength(data.content ?? "") };
    if (data.author.id === self) return emit("message.sent", about);
    const isBot = Boolean(data.author.bot || data.webhook_id);
    meet(data.author, isBot);
    const who = { "user.id": `discord:${data.author.id}`, ...(isBot && { "user.bot": true }) };
    return emit("message.received", { ...who, ...about });
}

const running = new Map(); // commands by the interaction's id

// A command that people called, until the last of the bot's listeners that work on it has ended.
class Running {
    constructor(data) {
        const user = data.member?.user ?? data.user;
        meet(user, user.bot);
        this.id = data.id;
        this.working = 0;
        this.wasDispatched = false;
        this.wasHeard = false;
        this.failure = undefined;
        running.set(data.id, this);
        this.command = new Command(data.data.name, "slash", { ...place(data), "user.id": `discord:${user.id}` });
    }

    begin() {
        this.wasHeard = true;
        this.working += 1;
    }

    end(failure) {
        this.working -= 1;
        this.failure ??= failure;
        // What is thrown at once keeps other listeners from being called, and us from being told of it.
        if (this.wasDispatched || failure) this.finishWhenDone();
    }

    // Packets that come early are kept by the library until it is ready.
    dispatched(ready) {
        this.wasDispatched = this.wasHeard || ready;
        this.finishWhenDone();
    }

    finishWhenDone() {
        if (this.working > 0 || !(this.wasDispatched || this.failure) || !running.delete(this.id)) return;
        if (this.failure) this.command.finish("error", this.failure.error);
        else this.command.finish(this.wasHeard ? "ok" : "rejected");
    }
}

function watchListeners(Client) {
    for (const name of ["on", "addListener", "prependListener"]) {
        wrap(Client.prototype, name, (add) => function (event, listener) {
            // One that has a `listener` is of `once`, and Node looks for that very function later.
            const plain = typeof listener === "function" && listener.listener === undefined;
            return add.call(this, event, plain && event === INTERACTION ? observed(listener) : listener);
        });
    }
}

function observed(listener) {
    function wrapper(...args) {
        const command = running.get(args[0]?.id);
        command?.begin();
        return call(listener, this, args, (failed, error) => {
            guard(INTERACTION, () => command?.end(failed ? { error } : undefined));
        });
    }
    wrapper.listener = listener; // so `off`, `listeners` and the rest know it
    return wrapper;
}

function watchCalls(REST) {
    wrap(REST.prototype, "request", (request) => function (options) {
        const began = performance.now();
        const calling = request.call(this, options);
        calling.then(
            () => guard("request", () => api.called(began)),
            (error) => guard("request", () => api.called(began, refusal(options, error))),
        );
        return calling;
    });
}

// Without the ids and tokens that are in the path.
function refusal(options, error) {
    const path = String(options.fullRoute ?? "").replace(/\/\d{15,}/g, "/{id}");
    const status = error?.status ?? (error?.name?.startsWith("RateLimitError") ? 429 : undefined);
    return {
        "http.request.method": String(options.method ?? ""),
        "url.template": path.replace(/^\/(interactions|webhooks)\/\{id\}\/[^/]+/, "/$1/{id}/{token}"),
        ...(status !== undefined && { "http.response.status_code": status }),
        "error.type": String(error?.name ?? typeof error).replace(/\[.*$/, ""),
        ...(error?.retryAfter !== undefined && { retry_after_ms: error.retryAfter }),
    };
}

module.exports = { observe };
