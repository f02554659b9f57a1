"""What Node loads before a bot that the runner starts: how it comes to the libraries, and that nobody else notices."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import botdeck
from botdeck.runner.environment import node_options
from botdeck.sdk.install import copy_sdk, node_preload
from botdeck.testing.telegram import FakeTelegram

from .irc_world import wait_for
from .story.node_environment import WITH_NODE, NodeEnvironment
from .story.stage import DEADLINE_S, HERE, ROOT

pytestmark = [pytest.mark.process, pytest.mark.timeout(3 * DEADLINE_S)]


class Place:
    """A folder in which a Node program runs, with packages of a library that the story uses, or of none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / 'a "fine" place'
        self.folder.mkdir()
        self.events_file = self.folder / "events"
        self.preload = node_preload(copy_sdk(self.folder / "sdk"))

    def with_packages_of(self, library: str) -> None:
        NodeEnvironment(library).python()
        (self.folder / "node_modules").symlink_to(ROOT / ".bots" / library / "node_modules")

    def package(self, name: str, entry: str, text: str) -> None:
        file = self.folder / "node_modules" / name / entry
        file.parent.mkdir(parents=True)
        file.write_text(text)
        manifest = {"name": name, "version": "99.0.0", "main": f"./{entry}"}
        (self.folder / "node_modules" / name / "package.json").write_text(json.dumps(manifest))

    def run(
        self, text: str, *, file: str = "bot.cjs", loaded: bool = True, **env: str
    ) -> subprocess.CompletedProcess[str]:
        (self.folder / file).write_text(text)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BOTDECK_", "NODE_"))}
        there = {"BOTDECK_EVENTS": str(self.events_file), "BOTDECK_RUN": "r", "BOTDECK_BOT": "b", **env}
        options = node_options("--no-warnings", self.preload) if loaded else {}
        command = [WITH_NODE, "node", "--require", str(HERE / "elsewhere/elsewhere.cjs"), file]
        return subprocess.run(
            command, cwd=self.folder, env={**clean, **there, **options}, capture_output=True, text=True, timeout=60
        )

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.events_file.read_text().splitlines() if line]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


ANSWERS_ONCE = """
const bot = new Telegraf(process.env.TOKEN);
bot.command("ping", async (ctx) => { await ctx.reply("pong"); setImmediate(() => bot.stop()); });
bot.launch();
"""


@pytest.mark.parametrize(
    ("file", "first"),
    [("bot.cjs", 'const { Telegraf } = require("telegraf");'), ("bot.mjs", 'import { Telegraf } from "telegraf";')],
)
def test_bots_that_require_and_bots_that_import_are_told_of_alike(place: Place, file: str, first: str) -> None:
    place.with_packages_of("telegraf")
    with FakeTelegram() as telegram:
        telegram.say("ann", "/ping")

        done = place.run(
            first + ANSWERS_ONCE, file=file, ELSEWHERE=f"telegram {telegram.address}", TOKEN=telegram.token
        )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    events = place.events()
    assert [each["event"] for each in events if each["event"] != "heartbeat"] == [
        *("bot.started", "gateway.ready", "user.seen", "message.received"),
        *("command.started", "message.sent", "command.finished"),
    ]
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    assert {(each["v"], each["run"]) for each in events} == {(1, "r")}
    assert (events[0]["framework"], events[0]["service.name"]) == ("telegraf", "b")


def test_an_answer_to_a_webhook_of_telegraf_is_told_once(place: Place) -> None:
    place.with_packages_of("telegraf")
    text = """
        const http = require("node:http");
        const { Telegraf } = require("telegraf");
        const bot = new Telegraf(process.env.TOKEN);
        bot.command("ping", (ctx) => ctx.reply("pong"));
        bot.on("text", () => { throw new Error("too much"); });
        bot.catch((error) => { console.log(error.message); server.close(); server.closeAllConnections(); });
        const server = http.createServer(bot.webhookCallback("/x"));
        server.listen(0, "127.0.0.1", () => bot.telegram.setWebhook(`http://127.0.0.1:${server.address().port}/x`));
    """
    with FakeTelegram() as telegram:
        env = {"ELSEWHERE": f"telegram {telegram.address}", "TOKEN": telegram.token}
        with ThreadPoolExecutor() as pool:
            running = pool.submit(place.run, text, **env)
            wait_for(lambda: "setwebhook" in [method for method, _ in telegram.calls], "the webhook", DEADLINE_S)
            telegram.say("ann", "/ping")
            telegram.say("ann", "hello")
        done = running.result()

        assert (done.stdout, done.stderr) == ("too much\n", "")
        assert [message["text"] for message in telegram.sent] == ["pong"]
    told = {each["event"]: each for each in place.events()}
    assert [each["event"] for each in place.events()].count("message.sent") == 1
    assert (told["message.sent"]["size"], told["message.sent"]["chat.channel.id"]) == (4, "-1001")
    assert (told["error"]["exception.message"], told["error"]["where"]) == ("too much", "handler")
    assert "gateway.connected" not in told["heartbeat"]
    assert "telemetry.error" not in told


def test_a_node_that_uses_no_such_library_is_left_alone(place: Place) -> None:
    text = """
        require("node:fs").writeFileSync("other.cjs", "exports.loaded = module.loaded");
        const ours = Object.keys(require.cache).filter((each) => each.includes("integrations"));
        console.log(require("./other.cjs").loaded, ours.length);
        console.log(Object.keys(require.cache[require.resolve("./other.cjs")]).includes("loaded"), module.loaded);
    """

    done = place.run(text)

    assert done.stdout == "false 1\ntrue false\n"  # of ours, nothing but the preload itself was loaded
    assert not place.events_file.exists()


def test_the_stack_of_what_a_bot_throws_as_it_starts_is_as_ever(place: Place) -> None:
    text = 'require("./inner.cjs");'
    (place.folder / "inner.cjs").write_text('throw new Error("at once");')

    with_us, without = (place.run(text, loaded=loaded) for loaded in (True, False))

    assert with_us.returncode == without.returncode == 1
    assert with_us.stderr == without.stderr


def test_a_release_that_moved_what_we_look_at_costs_the_bot_nothing(place: Place) -> None:
    place.package("telegraf", "lib/index.js", "exports.Telegraf = class {}; exports.Telegram = class {};")

    done = place.run('new (require("telegraf").Telegraf)(); console.log("runs");')

    assert (done.returncode, done.stdout, done.stderr) == (0, "runs\n", "")
    started, fault = place.events()
    assert (started["event"], started["framework.version"]) == ("bot.started", "99.0.0")
    assert (fault["event"], fault["where"]) == ("telemetry.error", "telegraf")
    assert "There is no callApi" in fault["exception.message"]


def test_a_full_disk_is_not_noticed_by_the_bot(place: Place) -> None:
    place.with_packages_of("telegraf")
    with FakeTelegram() as telegram:
        telegram.say("ann", "/ping")
        env = {"ELSEWHERE": f"telegram {telegram.address}", "TOKEN": telegram.token, "BOTDECK_EVENTS": "/dev/full"}

        done = place.run('const { Telegraf } = require("telegraf");' + ANSWERS_ONCE, **env)

        assert (done.returncode, done.stderr) == (0, "")
        assert [message["text"] for message in telegram.sent] == ["pong"]


def test_listeners_of_discordjs_are_found_and_removed_as_ever(place: Place) -> None:
    place.with_packages_of("discord.js")
    text = """
        const { Client } = require("discord.js");
        const client = new Client({ intents: [] });
        const heard = [];
        const first = () => heard.push("first");
        client.on("interactionCreate", first);
        client.prependListener("interactionCreate", () => heard.push("before"));
        client.once("interactionCreate", () => heard.push("once"));
        console.log(client.listeners("interactionCreate")[1] === first, client.listenerCount("interactionCreate"));
        client.emit("interactionCreate", { id: "1" });
        client.off("interactionCreate", first);
        client.emit("interactionCreate", {});
        console.log(heard.join(" "), client.listenerCount("interactionCreate"));
        client.emit("interactionCreate");
    """

    done = place.run(text)

    assert (done.stdout, done.stderr) == ("true 3\nbefore first once before 1\n", "")
    assert [each["event"] for each in place.events()] == ["bot.started"]


def test_what_ends_a_bot_is_told_and_ends_it_as_ever(place: Place) -> None:
    place.package("telegraf", "lib/index.js", "")
    text = 'try { require("telegraf"); } finally { Promise.reject(new TypeError("nobody caught it")); }'

    with_us, without = (place.run(text, loaded=loaded) for loaded in (True, False))

    assert with_us.returncode == without.returncode == 1
    assert with_us.stderr == without.stderr
    last = place.events()[-1]
    assert (last["event"], last["where"]) == ("error", "unhandledRejection")
    assert (last["exception.type"], last["exception.message"]) == ("TypeError", "nobody caught it")


def test_the_preload_names_this_release() -> None:
    events = (ROOT / "src/botdeck/integrations/node/events.cjs").read_text()

    assert re.findall(r'VERSION = "(.+)"', events) == [botdeck.__version__]
