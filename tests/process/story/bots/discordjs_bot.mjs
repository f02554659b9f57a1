// An ordinary bot with discord.js, as an ES module.
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Events, GatewayIntentBits } from "discord.js";

class LookupError extends Error {
    name = "LookupError";
}

const commands = {
    ping: (interaction) => interaction.reply("pong"),
    boom: () => {
        throw new LookupError("no such thing");
    },
    slow: async (interaction) => {
        const began = performance.now();
        await interaction.reply("working");
        await sleep(300);
        await interaction.followUp("done");
        fs.writeFileSync(process.env.SLOW_MS, String(performance.now() - began));
    },
};
const { Guilds, GuildMessages, MessageContent } = GatewayIntentBits;
const client = new Client({ intents: [Guilds, GuildMessages, MessageContent] });

client.on(Events.InteractionCreate, async (interaction) => {
    if (interaction.isChatInputCommand()) await commands[interaction.commandName]?.(interaction);
});

client.on(Events.Error, (error) => console.error("it went wrong:", error));

client.once(Events.ClientReady, async () => {
    await client.application.commands.set(Object.keys(commands).map((name) => ({ name, description: name })));
    console.log("ready as", client.user.username);
});

client.login(process.env.TOKEN);
