"""Telegram: libraries of two languages on Botdeck's own stand-in for its Bot API."""

from botdeck.testing.telegram import FakeTelegram

from .node_environment import NodeEnvironment
from .stage import DEADLINE_S, BotProcess, Stage


class TelegramStage(Stage):
    platform = "telegram"
    kind = "slash"
    telegram: FakeTelegram | None = None

    def open(self) -> None:
        self.telegram = FakeTelegram()

    def close(self) -> None:
        if self.telegram is not None:
            self.telegram.close()

    def bot(self) -> BotProcess:
        return self.ordinary_bot(ELSEWHERE=f"telegram {self._fake.address}", TOKEN=self._fake.token)

    def wait_for_bot(self) -> None:
        self._fake.wait_for_poll(timeout_s=DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        self._fake.say(person, text)

    def command(self, person: str, name: str) -> None:
        self._fake.say(person, f"/{name}")

    def heard(self) -> list[str]:
        return [message["text"] for message in self._fake.sent]

    def user_id(self, person: str) -> str:
        return f"telegram:{self._fake.person(person)['id']}"

    def cut(self) -> None:
        self._fake.cut(timeout_s=DEADLINE_S)
        self._fake.wait_for_poll(timeout_s=DEADLINE_S)

    @property
    def _fake(self) -> FakeTelegram:
        assert self.telegram is not None
        return self.telegram


class PythonTelegramBot(TelegramStage):
    name = "python-telegram-bot"
    requirements = "python-telegram-bot"
    file = "telegram_bot.py"
    one_line = True


class Aiogram(TelegramStage):
    name = "aiogram"
    requirements = "aiogram"
    file = "aiogram_bot.py"
    one_line = True


class Telegraf(TelegramStage):
    name = "telegraf"
    requirements = "telegraf"
    file = "telegraf_bot.cjs"
    raises = "LookupError: no such thing"

    def bot(self) -> BotProcess:
        there = {"ELSEWHERE": f"telegram {self._fake.address}", "TOKEN": self._fake.token}
        return NodeEnvironment(self.requirements).bot(self.file, **there)


STAGES: list[type[Stage]] = [PythonTelegramBot, Aiogram, Telegraf]
