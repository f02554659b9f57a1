"""Bots of discord.py that do more than those of the story: hybrid commands, checks, handlers of their own, calls of the
API that are refused, shards. Real library, our Discord."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from botdeck.testing.discord import FakeDiscord

from .irc_world import World, wait_for
from .story.stage import DEADLINE_S, Environment
from .story.stage_discord import TOKEN

pytestmark = [pytest.mark.process, pytest.mark.timeout(5 * DEADLINE_S)]
ELSEWHERE = Path(__file__).parent / "story/elsewhere"

HEAD = """
import asyncio, os, discord
from discord import app_commands
from discord.ext import commands

intents = discord.Intents.default()
intents.message_content = True
bot = commands.{bot}("!", intents=intents)
"""
TAIL = """
async def setup_hook():
    await bot.tree.sync()
bot.setup_hook = setup_hook
bot.run(os.environ["TOKEN"])
"""


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    try:
        yield world
    finally:
        world.close()


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    with FakeDiscord() as fake:
        yield fake


def start(world: World, discord: FakeDiscord, code: str, *, bot: str = "Bot") -> None:
    start_file(world, discord, "discord.py", HEAD.format(bot=bot) + code + TAIL)
    discord.wait_until(lambda: any(method == "PUT" for method, _, _ in discord.requests), "its commands")
    discord.wait_for_calm()


def start_file(world: World, discord: FakeDiscord, library: str, code: str) -> None:
    file = world.home / "bot.py"
    file.write_text(code)
    env = {"PYTHONPATH": str(ELSEWHERE), "ELSEWHERE": f"discord {discord.api_url}", "TOKEN": TOKEN}
    world.start("bot", [Environment(library).python(), "-u", str(file)], env=env, autoload=True)
    discord.wait_for_bot()


def outcomes(world: World) -> list[tuple[str, str]]:
    return [(each["command.name"], each["outcome"]) for each in world.events("bot", "command.finished")]


HYBRIDS = """
@bot.hybrid_command()
async def both(ctx):
    await ctx.send("both")

@bot.hybrid_command()
async def broken(ctx):
    raise KeyError("hybrid")

@bot.hybrid_group()
async def settings(ctx):
    pass

@settings.command()
async def show(ctx):
    await ctx.send("shown")

@bot.tree.context_menu()
async def wave(interaction: discord.Interaction, user: discord.Member):
    await interaction.response.send_message(f"waves at {user.name}")
"""


def test_a_hybrid_command_is_told_once_however_it_is_called(world: World, discord: FakeDiscord) -> None:
    start(world, discord, HYBRIDS)

    discord.say("ann", "!both")
    discord.say("ann", "!broken")
    discord.say("ann", "!settings show")
    world.wait_for_events("bot", "command.finished", 3)
    discord.call("ann", "both")
    discord.call("ann", "broken")
    discord.call("ann", "settings", [{"name": "show", "type": 1, "options": []}])
    world.wait_for_events("bot", "command.finished", 6)
    discord.call_on("ann", "Wave", "bob")
    world.wait_for_events("bot", "command.finished", 7)
    discord.say("ann", "!both")
    world.wait_for_events("bot", "command.finished", 8)

    told = world.events("bot", "command.finished")
    often = {("both", "ok"): 3, ("broken", "error"): 2, ("settings show", "ok"): 2, ("Wave", "ok"): 1}
    assert Counter(outcomes(world)) == often
    assert "waves at bob" in discord.heard
    assert {each["exception.type"] for each in told if each["outcome"] == "error"} == {"KeyError"}
    started = world.events("bot", "command.started")
    assert [each["kind"] for each in started] == [*["prefix"] * 3, *["slash"] * 3, "menu", "prefix"]
    assert {each["id"] for each in started} == {each["id"] for each in told}
    assert not world.events("bot", "error")
    assert not world.events("bot", "telemetry.error")


REFUSALS = """
@bot.command()
@commands.cooldown(1, 3600)
async def rarely(ctx):
    await ctx.send("rare")

@bot.command()
@commands.has_role("nobody has it")
async def secret(ctx):
    await ctx.send("never")

@bot.command()
async def add(ctx, number: int):
    await ctx.send("never")

@bot.tree.command()
@app_commands.checks.has_role("nobody has it")
async def hidden(interaction: discord.Interaction):
    await interaction.response.send_message("never")

@bot.tree.error
async def on_app_command_error(interaction, error):
    await interaction.response.send_message("refused: " + type(error).__name__)

@bot.listen()
async def on_command_error(ctx, error):
    await ctx.send("handled: " + type(error).__name__)
"""


def test_what_the_bot_refuses_is_rejected_and_its_own_handlers_run(world: World, discord: FakeDiscord) -> None:
    start(world, discord, REFUSALS)

    for number, text in enumerate(("!rarely", "!rarely", "!secret", "!add x"), 1):
        discord.say("ann", text)
        world.wait_for_events("bot", "command.finished", number)
    discord.call("ann", "hidden")
    world.wait_for_events("bot", "command.finished", 5)
    discord.wait_until(lambda: len(discord.heard) == 5, "all answers")

    assert outcomes(world) == [
        ("rarely", "ok"),
        *((name, "rejected") for name in ("rarely", "secret", "add", "hidden")),
    ]
    kinds = ["handled: CommandOnCooldown", "handled: MissingRole", "handled: BadArgument", "refused: MissingRole"]
    assert discord.heard == ["rare", *kinds]


FAULTS = """
@bot.event
async def on_message(message):
    if message.content == "stumble":
        raise KeyError("a listener")
    await bot.process_commands(message)

@bot.tree.command()
async def twice(interaction: discord.Interaction):
    raise KeyError("first")

@twice.error
async def twice_error(interaction, error):
    raise ValueError("the handler as well")

@bot.command()
async def forbidden(ctx):
    await ctx.send("never heard")
"""


def test_faults_are_told_and_printed_as_without_botdeck(world: World, discord: FakeDiscord) -> None:
    start(world, discord, FAULTS)
    discord.say("ann", "stumble")
    discord.call("ann", "twice")
    world.wait_for_events("bot", "command.finished")
    discord.refusals["POST", "/channels/1100000000000000002/messages"] = 403
    discord.say("ann", "!forbidden")
    world.wait_for_events("bot", "command.finished", 2)
    wait_for(lambda: "never retrieved" in world.output("bot"), "asyncio to complain of the handler")
    wait_for(lambda: "403 Forbidden" in world.output("bot"), "the library to print the refusal")

    assert [(each["where"], each["exception.message"]) for each in world.events("bot", "error")] == [
        ("on_message", "'a listener'")
    ]
    assert outcomes(world) == [("twice", "error"), ("forbidden", "error")]
    (refused,) = world.events("bot", "api.error")
    assert (refused["http.request.method"], refused["http.response.status_code"]) == ("POST", 403)
    assert refused["url.template"] == "/api/v10/channels/{id}/messages"
    assert "botdeck/integrations" not in world.output("bot")
    assert not world.events("bot", "telemetry.error")


def test_shards_come_and_go_one_by_one(world: World) -> None:
    with FakeDiscord(shards=2) as discord:
        start(world, discord, "", bot="AutoShardedBot")
        world.wait_for_events("bot", "gateway.ready", 2)

        discord.drop()
        discord.wait_until(lambda: discord.resumes == 2, "both shards to resume")
        resumed = world.wait_for_events("bot", "gateway.ready", 4)
        beats = wait_for(lambda: world.events("bot", "heartbeat"), "heartbeats")

        assert sorted(each["gateway.shard"] for each in world.events("bot", "gateway.disconnect")) == [0, 1]
        assert sorted((each["gateway.shard"], each["gateway.resumed"]) for each in resumed[2:]) == [
            (0, True),
            (1, True),
        ]
        assert any(beat["gateway.connected"] and set(beat["gateway.shards"]) == {"0", "1"} for beat in beats)


def test_a_bot_that_logs_in_anew_after_its_session_is_gone_is_connected_again(
    world: World, discord: FakeDiscord
) -> None:
    start(world, discord, HYBRIDS)

    discord.drop(4009)  # "session timed out"
    discord.wait_until(lambda: discord.logins + discord.resumes == 2, "the bot to come back")
    discord.say("ann", "!both")
    discord.wait_to_hear("both")

    world.wait_for_events("bot", "gateway.ready", 2)
    assert len(world.events("bot", "gateway.disconnect")) == 1
    assert world.events("bot", "heartbeat")[-1]["gateway.connected"] is True


FORK = """
import os, LIBRARY
from LIBRARY.ext import commands

bot = commands.Bot("!", intents=LIBRARY.Intents(guilds=True, guild_messages=True, message_content=True))

@bot.command()
@commands.cooldown(1, 3600)
async def rarely(ctx):
    await ctx.send("rare")

@bot.group(invoke_without_command=True)
async def settings(ctx):
    await ctx.send("all")

@settings.command()
async def show(ctx):
    await ctx.send("shown")

@bot.slash_command(description="x")
@CHECK("nobody has it")
async def hidden(ctx):
    await ctx.send("never")

@bot.event
async def on_message(message):
    if message.content == "stumble":
        raise KeyError("a listener")
    await bot.process_commands(message)

bot.run(os.environ["TOKEN"])
"""


@pytest.mark.parametrize(
    ("library", "package", "check"),
    [
        ("py-cord", "discord", "commands.has_role"),
        ("disnake", "disnake", "commands.has_role"),
        ("nextcord", "nextcord", "__import__('nextcord.ext.application_checks').ext.application_checks.has_role"),
    ],
)
def test_forks_refuse_and_fail_the_same_way(
    world: World, discord: FakeDiscord, library: str, package: str, check: str
) -> None:
    start_file(world, discord, library, FORK.replace("LIBRARY", package).replace("CHECK", check))
    discord.wait_until(lambda: (None, "hidden") in discord.commands, "its command")
    discord.wait_for_calm()

    for number, text in enumerate(("!rarely", "!rarely", "!settings", "!settings show"), 1):
        discord.say("ann", text)
        world.wait_for_events("bot", "command.finished", number)
    discord.call("ann", "hidden")
    discord.say("ann", "stumble")
    world.wait_for_events("bot", "command.finished", 5)
    (stumbled,) = world.wait_for_events("bot", "error")

    assert outcomes(world) == [
        *(("rarely", "ok"), ("rarely", "rejected"), ("settings", "ok"), ("settings show", "ok")),
        ("hidden", "rejected"),
    ]
    assert (stumbled["where"], stumbled["exception.message"]) == ("on_message", "'a listener'")
    assert "Ignoring exception in on_message" in world.output("bot")
    assert not world.events("bot", "telemetry.error")


ARC = """
import os, hikari, arc

bot = hikari.GatewayBot(os.environ["TOKEN"], banner=None, intents=hikari.Intents.ALL_UNPRIVILEGED)
client = arc.GatewayClient(bot)
group = client.include_slash_group("settings", "x")

@group.include
@arc.slash_subcommand("show", "x")
async def show(ctx):
    await ctx.respond("shown")

@group.include
@arc.slash_subcommand("break", "x")
async def breaks(ctx):
    raise KeyError("inside a group")

@client.include
@arc.with_hook(lambda ctx: arc.HookResult(abort=True))
@arc.slash_command("aborted", "x")
async def aborted(ctx):
    await ctx.respond("never")

@client.include
@arc.with_hook(arc.owner_only)
@arc.slash_command("owners", "x")
async def owners(ctx):
    await ctx.respond("never")

@client.set_error_handler
async def on_error(ctx, error):
    await ctx.respond("handled: " + type(error).__name__)

@bot.listen()
async def stumble(event: hikari.GuildMessageCreateEvent):
    if event.is_human:
        raise KeyError("a listener")

bot.run(check_for_updates=False)
"""


def test_what_arc_and_listeners_of_hikari_refuse_and_raise_is_told(world: World, discord: FakeDiscord) -> None:
    start_file(world, discord, "hikari", ARC)
    discord.wait_until(lambda: (None, "owners") in discord.commands, "its commands")
    discord.wait_for_calm()

    def call(command: str, inner: str | None = None) -> None:
        before = len(world.events("bot", "command.finished"))
        discord.call("ann", command, [{"name": inner, "type": 1, "options": []}] if inner else None)
        world.wait_for_events("bot", "command.finished", before + 1)

    call("settings", "show")
    call("settings", "break")
    call("aborted")
    call("owners")
    discord.say("ann", "hello")
    (stumbled,) = world.wait_for_events("bot", "error")

    assert outcomes(world) == [
        *(("settings show", "ok"), ("settings break", "error"), ("aborted", "rejected"), ("owners", "rejected")),
    ]
    assert world.events("bot", "command.finished")[1]["exception.message"] == "'inside a group'"
    assert discord.heard == ["shown", "handled: KeyError", "handled: NotOwnerError"]
    assert (stumbled["where"], stumbled["exception.message"]) == ("listener", "'a listener'")
    assert "botdeck/integrations" not in world.output("bot")
    assert not world.events("bot", "telemetry.error")


def test_what_is_said_while_the_connection_is_down_is_counted_when_it_is_back(
    world: World, discord: FakeDiscord
) -> None:
    start(world, discord, HYBRIDS)
    discord.say("ann", "before")
    world.wait_for_events("bot", "message.received")

    discord.drop()
    discord.say("ann", "meanwhile")
    discord.say("ann", "!both")
    discord.wait_to_hear("both")

    assert (discord.logins, discord.resumes) == (1, 1)
    world.wait_for_events("bot", "command.finished")
    sizes = [message["size"] for message in world.events("bot", "message.received")]
    assert sizes == [len(text) for text in ("before", "meanwhile", "!both")]


TREE_ONLY = """
import os, discord
from discord import app_commands

client = discord.Client(intents=discord.Intents.default())
tree = app_commands.CommandTree(client)

@tree.command()
async def ping(interaction: discord.Interaction):
    await interaction.response.defer(ephemeral=True)
    await interaction.followup.send("pong", ephemeral=True)

@tree.command()
async def later(interaction: discord.Interaction):
    await interaction.response.defer()
    await interaction.followup.send("at last")

@client.event
async def setup_hook():
    await tree.sync()

client.run(os.environ["TOKEN"])
"""


def test_a_deferred_answer_is_one_message_and_an_ephemeral_one_is_none(world: World, discord: FakeDiscord) -> None:
    start_file(world, discord, "discord.py", TREE_ONLY)
    discord.wait_until(lambda: (None, "later") in discord.commands, "its commands")
    discord.wait_for_calm()

    discord.call("ann", "ping")
    world.wait_for_events("bot", "command.finished")
    discord.call("ann", "later")
    world.wait_for_events("bot", "command.finished", 2)
    world.wait_for_events("bot", "message.sent")

    assert discord.heard == ["pong", "at last"]
    assert outcomes(world) == [("ping", "ok"), ("later", "ok")]
    assert [message["size"] for message in world.events("bot", "message.sent")] == [0]  # its text comes as an edit
    assert not world.events("bot", "telemetry.error")
