"""The CLI's way to the deck: its REST interface and live channel, with the token that the deck left for this host."""

import contextlib
import getpass
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from botdeck.data_dir import joined_deck, lock_holder, running_deck
from botdeck.errors import BotdeckError
from botdeck.models import (
    Action,
    ActionResult,
    BotList,
    BotStatus,
    BotToken,
    DashboardStats,
    Invitation,
    LogLine,
    LogPage,
    NewBotToken,
    Run,
)
from botdeck.protocol.codec import from_json

TIMEOUT_S = 20.0


class DeckAway(BotdeckError):
    """No deck answers for this data directory."""


class DeckRefused(BotdeckError):
    """The deck answered with an error; the message is its own."""


class DeckClient:
    """Talks to the deck of one data directory. Every method raises DeckAway or DeckRefused."""

    def __init__(self, data_dir: Path) -> None:
        deck = running_deck(data_dir)
        if deck is None:
            raise DeckAway(_no_deck(data_dir))
        self.url = deck.url
        try:
            self._token = (data_dir / "cli-token").read_text().strip()
        except PermissionError as error:
            raise DeckAway(
                f"{error.filename} may not be read by you; run this as the user that ran `botdeck up`."
            ) from None
        except OSError as error:
            raise DeckAway(f"The token for this deck cannot be read: {error}.") from None
        # In a copy of a data directory lies the address of the original's deck: orders are not for that one.
        if lock_holder(data_dir / "deck.lock") is None:
            raise DeckAway(_no_deck(data_dir))

    def bots(self) -> BotList:
        return from_json(BotList, self._call("GET", "api/bots"))

    def status(self, bot: str) -> BotStatus:
        return from_json(BotStatus, self._call("GET", f"api/bots/{quote(bot, safe='')}"))

    def stats(self, bot: str) -> DashboardStats:
        return from_json(DashboardStats, self._call("GET", f"api/bots/{quote(bot, safe='')}/stats"))

    def act(self, bot: str, action: Action) -> ActionResult:
        return from_json(ActionResult, self._call("POST", f"api/bots/{quote(bot, safe='')}/{action.value}"))

    def logs(self, bot: str, *, limit: int, after: int | None = None) -> LogPage:
        query = f"?limit={limit}" + (f"&after={after}" if after is not None else "")
        return from_json(LogPage, self._call("GET", f"api/bots/{quote(bot, safe='')}/logs{query}"))

    def runs(self, bot: str, *, limit: int) -> list[Run]:
        return [from_json(Run, run) for run in self._call("GET", f"api/bots/{quote(bot, safe='')}/runs?limit={limit}")]

    def run(self, bot: str, run: str) -> Run:
        return from_json(Run, self._call("GET", f"api/bots/{quote(bot, safe='')}/runs/{quote(run, safe='')}"))

    def invite_runner(self, name: str | None, for_s: float) -> Invitation:
        form = {"name": name, "for_s": for_s}
        return from_json(Invitation, self._call("POST", "api/runners/invitations", form))

    def remove_runner(self, name: str) -> None:
        self._call("DELETE", f"api/runners/{quote(name, safe='')}")

    def make_bot_token(self, bot: str) -> NewBotToken:
        return from_json(NewBotToken, self._call("POST", "api/tokens", {"bot": bot}))

    def bot_tokens(self) -> list[BotToken]:
        return [from_json(BotToken, token) for token in self._call("GET", "api/tokens")]

    def revoke_bot_token(self, bot: str) -> None:
        self._call("DELETE", f"api/tokens/{quote(bot, safe='')}")

    def follow(self, bot: str, on_status: Callable[[BotStatus], None] | None = None) -> Iterator[list[LogLine]]:
        """New lines as they come: first an empty list once the deck listens, so that the caller can fetch what came
        before. Ends when the deck goes away. `on_status` hears of every change of any bot."""
        address = urljoin(self.url, "ws/cli").replace("http", "ws", 1)
        try:
            with connect(address, additional_headers=self._headers(), compression=None, max_size=None) as socket:
                socket.send(json.dumps({"type": "subscribe", "bot": bot}))
                for text in socket:
                    message = json.loads(text)
                    if message["type"] == "snapshot" and (message["data"]["stats"] or {}).get("bot") == bot:
                        yield []
                    elif message["type"] == "log" and message["data"]["bot"] == bot:
                        yield [from_json(LogLine, line) for line in message["data"]["lines"]]
                    elif message["type"] == "bot_status" and on_status:
                        on_status(from_json(BotStatus, message["data"]))
        except (OSError, ConnectionClosed, InvalidHandshake):
            return

    def setup_needed(self) -> bool:
        return bool(self._call("GET", "api/setup")["needed"])

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "X-Botdeck-User": _user_name()}

    def _call(self, method: str, path: str, form: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(urljoin(self.url, path), method=method, headers=self._headers())  # noqa: S310
        request.add_header("Content-Type", "application/json")
        if method == "POST":
            request.data = json.dumps(form or {}).encode()
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  (the deck's own address)
                return None if answer.status == 204 else json.load(answer)
        except urllib.error.HTTPError as error:
            raise DeckRefused(sentence_of(error)) from None
        except TimeoutError:
            late = "" if method == "GET" else " It may still do what was asked."
            raise DeckAway(f"The deck at {self.url} gave no answer within {TIMEOUT_S:g} s: it hangs.{late}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DeckAway(f"The deck at {self.url} does not answer ({error}). Is it up? Try: botdeck up") from None


def _no_deck(data_dir: Path) -> str:
    with contextlib.suppress(ValueError):
        if joined := joined_deck(data_dir):
            return (
                f"The bots here are on the deck at {joined.url}, which this host joined as {joined.runner}. Ask there."
            )
    return f"No deck runs with {data_dir}. Start one with: botdeck up"


def sentence_of(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"The deck answered {error.code} {error.reason}."


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in many containers
        return "unknown"
