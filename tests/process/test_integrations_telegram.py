"""What the story does not tell of python-telegram-bot and aiogram, unchanged and autoloaded: refusals, faults of
handlers, webhooks, and who is asked for a command that nobody knows."""

from collections.abc import Iterator
from typing import Any

import pytest

from botdeck.testing.telegram import FakeTelegram

from .irc_world import World, free_port, wait_for, world
from .story.stage import DEADLINE_S, Environment

pytestmark = [pytest.mark.process, pytest.mark.timeout(3 * DEADLINE_S)]

PTB = """
import asyncio, os, sys
from telegram.error import RetryAfter
from telegram.ext import ApplicationBuilder, CommandHandler, ConversationHandler, MessageHandler, filters

async def limited(update, context):
    try:
        await update.message.reply_text("too much")
    except RetryAfter as error:
        print("to wait:", error.retry_after, flush=True)

async def later(update, context):
    await update.message.reply_text("later")

async def begin(update, context):
    return 1

async def listen(update, context):
    raise ValueError("not that")

async def sorry(update, context):
    await update.message.reply_text("no such command")

async def my_own(update, context):
    print("mine:", repr(context.error), flush=True)

app = ApplicationBuilder().token(os.environ["TOKEN"]).base_url(os.environ["API"] + "/bot").build()
app.add_handler(CommandHandler("limited", limited))
app.add_handler(CommandHandler("later", later, block=False))
app.add_handler(ConversationHandler([CommandHandler("begin", begin, block=False)], {1: []}, []))
app.add_handler(MessageHandler(filters.COMMAND, sorry))
app.add_handler(MessageHandler(filters.TEXT, listen))
app.add_error_handler(my_own)
app.run_polling()
"""

AIOGRAM = """
import asyncio, os, sys
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import Command
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

dp = Dispatcher()

@dp.message(Command("ping"))
async def ping(message):
    return message.answer("pong")

@dp.startup()
async def hello(bot):
    await bot.send_message(-1001, "I am here")

@dp.message()
async def rest(message):
    if message.text == "not that":
        raise ValueError("not that")

async def polling(bot):
    await dp.start_polling(bot)

async def webhook(bot):
    app = web.Application()
    SimpleRequestHandler(dp, bot, handle_in_background=False).register(app, path="/updates")
    setup_application(app, dp, bot=bot)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
    await bot.set_webhook(f"http://127.0.0.1:{os.environ['PORT']}/updates")
    await asyncio.Event().wait()

async def main():
    session = AiohttpSession(api=TelegramAPIServer.from_base(os.environ["API"]))
    await globals()[sys.argv[1]](Bot(os.environ["TOKEN"], session))

asyncio.run(main())
"""


@pytest.fixture
def around() -> Iterator[World]:
    with world() as it:
        yield it


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as it:
        yield it


def start(around: World, telegram: FakeTelegram, library: str, text: str, *words: str, **env: str) -> None:
    file = around.home / "bot.py"
    file.write_text(text)
    there = {"TOKEN": telegram.token, "API": telegram.address, **env}
    around.start("bot", [Environment(library).python(), str(file), *words], env=there, autoload=True)


def told(around: World, event: str, *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(each.get(field) for field in fields) for each in around.events("bot", event)]


def test_what_the_platform_refuses_is_told_with_how_long_to_wait(around: World, telegram: FakeTelegram) -> None:
    start(around, telegram, "python-telegram-bot", PTB)
    telegram.wait_for_poll(timeout_s=DEADLINE_S)
    telegram.refuse("sendMessage", 429, "Too Many Requests: retry after 7", retry_after=7)

    telegram.say("ann", "/limited")

    (refused,) = around.wait_for_events("bot", "api.error")
    about = ("url.template", "http.response.status_code", "error.type", "retry_after_ms")
    assert [refused[name] for name in about] == ["/bot{token}/sendMessage", 429, "RetryAfter", 7000]
    (finished,) = around.wait_for_events("bot", "command.finished")
    assert finished["outcome"] == "ok"
    assert "to wait: 7" in around.output("bot")
    assert not around.events("bot", "message.sent")


def test_a_handler_that_only_listens_is_no_command_but_its_fault_is_told(around: World, telegram: FakeTelegram) -> None:
    start(around, telegram, "python-telegram-bot", PTB)
    telegram.wait_for_poll(timeout_s=DEADLINE_S)

    telegram.say("ann", "good morning")

    (failed,) = around.wait_for_events("bot", "error")
    assert (failed["exception.type"], failed["where"]) == ("ValueError", "handler")
    wait_for(lambda: "mine: ValueError" in around.output("bot"), "the bot's own handler of errors")
    assert not around.events("bot", "command.started")


def test_commands_that_work_on_by_themselves_are_known_and_the_one_for_the_rest_is_not_theirs(
    around: World, telegram: FakeTelegram
) -> None:
    start(around, telegram, "python-telegram-bot", PTB)
    telegram.wait_for_poll(timeout_s=DEADLINE_S)

    for text in ("/later", "/begin", "/nosuch", "/later@somebody_else"):
        telegram.say("ann", text)

    around.wait_for_events("bot", "command.finished", 2)
    wait_for(lambda: len(telegram.sent) == 3, "its answers", DEADLINE_S)
    assert sorted(told(around, "command.finished", "command.name", "outcome")) == [("begin", "ok"), ("later", "ok")]
    assert told(around, "command.unknown", "command.name") == [("nosuch",)]
    assert not around.events("bot", "telemetry.error")


@pytest.mark.parametrize("way", ["polling", "webhook"])
def test_an_answer_that_a_handler_returns_is_sent_once_and_told_once(
    around: World, telegram: FakeTelegram, way: str
) -> None:
    start(around, telegram, "aiogram", AIOGRAM, way, PORT=str(free_port()))
    telegram.wait_for_sent(timeout_s=DEADLINE_S)
    if way == "polling":
        telegram.wait_for_poll(timeout_s=DEADLINE_S)
    else:
        wait_for(lambda: "setwebhook" in [method for method, _ in telegram.calls], "the webhook", DEADLINE_S)

    telegram.say("ann", "/ping")
    telegram.say("ann", "not that")

    around.wait_for_events("bot", "error")
    around.wait_for_events("bot", "message.sent", 2)
    assert [message["text"] for message in telegram.sent] == ["I am here", "pong"]
    assert told(around, "message.sent", "chat.channel.id", "size") == [("-1001", 9), ("-1001", 4)]
    assert told(around, "command.finished", "command.name", "outcome") == [("ping", "ok")]
    assert told(around, "error", "exception.type") == [("ValueError",)]
    assert "botdeck/integrations" not in around.output("bot")
    connected = {beat.get("gateway.connected") for beat in around.events("bot", "heartbeat")}
    assert connected == ({None, True} if way == "polling" else {None})
    assert not around.events("bot", "telemetry.error")
