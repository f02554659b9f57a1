"""slack-bolt, with threads and with asyncio, on our own fake of Slack."""

from botdeck.testing.slack import TEAM_ID, FakeSlack

from .stage import BotProcess, Stage


class SlackStage(Stage):
    name = "slack-bolt"
    platform = "slack"
    requirements = "slack-bolt"
    kind = "slash"
    file = "slack_bot.py"
    commands_are_messages = False
    prints_in_order = False
    one_line = True

    def __init__(self) -> None:
        self._slack = FakeSlack()

    def open(self) -> None:
        self._slack.user_id("ann")

    def close(self) -> None:
        self._slack.close()

    def bot(self) -> BotProcess:
        tokens = {"BOT_TOKEN": self._slack.bot_token, "APP_TOKEN": self._slack.app_token}
        return self.ordinary_bot(SLACK_API_URL=self._slack.api_url, **tokens)

    def wait_for_bot(self) -> None:
        self._slack.wait_for_bot()

    def say(self, person: str, text: str) -> None:
        """Waits for the bot's receipt: Bolt deals with several messages at once, in threads."""
        before = len(self._slack.acknowledged)
        self._slack.say(person, text)
        self._slack.wait_until(lambda: len(self._slack.acknowledged) > before, f"a receipt of {text!r}")

    def command(self, person: str, name: str) -> None:
        envelope = self._slack.call(person, f"/{name}")
        if name != "nosuch":  # Bolt keeps silent about those
            self._slack.wait_until(lambda: envelope in self._slack.acknowledged, f"a receipt of /{name}")

    def heard(self) -> list[str]:
        return list(self._slack.heard)

    def user_id(self, person: str) -> str:
        return f"slack:{TEAM_ID}/{self._slack.user_id(person)}"

    def cut(self) -> None:
        self._slack.drop(1012)
        self._slack.wait_for_bot()


class SlackAsyncStage(SlackStage):
    name = "slack-bolt asyncio"
    file = "slack_async_bot.py"
    one_line = False
