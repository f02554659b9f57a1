// An ordinary bot with telegraf.
const fs = require("node:fs");
const { setTimeout: sleep } = require("node:timers/promises");
const { Telegraf } = require("telegraf");

class LookupError extends Error {
    name = "LookupError";
}

const bot = new Telegraf(process.env.TOKEN);

bot.command("ping", (ctx) => ctx.reply("pong"));

bot.command("boom", () => {
    throw new LookupError("no such thing");
});

bot.command("slow", async (ctx) => {
    const began = performance.now();
    await ctx.reply("working");
    await sleep(300);
    await ctx.reply("done");
    fs.writeFileSync(process.env.SLOW_MS, String(performance.now() - began));
});

bot.catch((error) => console.error("it went wrong:", error));
bot.launch(() => console.log("polling as", bot.botInfo.username));
