"""A Discord on loopback: REST API v10 and gateway for one server with one channel, in this process.

    with FakeDiscord() as discord:
        ...                                   # start the bot, with its library pointed at discord.api_url
        discord.wait_for_bot()
        discord.say("ann", "!ping")           # a message, or discord.call("ann", "ping") for a slash command
        assert discord.wait_to_hear("pong")

Bots log in with any token whose first part is base64 of digits, as real ones are. Sessions are kept when a connection
drops: what happens meanwhile is sent when the bot resumes, as by the real one. Call it from any thread.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from botdeck.testing import discord_shapes as shapes
from botdeck.testing.discord_gateway import GUILD_MESSAGES, MESSAGE_CONTENT, Gateway, Session
from botdeck.testing.discord_rest import RestServer, Route

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from botdeck.testing.discord_shapes import Json

SLASH_COMMAND, USER_MENU = 1, 2
FOLLOW_UP_LATER = 5
EPHEMERAL, LOADING = 1 << 6, 1 << 7
HEARTBEATS_UNTIL_CALM = 3
INVENTED_COMMAND_ID = "1300000000000000001"
"""Of a slash command that people call although the bot has not registered it."""


class FakeDiscord:
    """Raises OSError when no port is free. `shards` is what bots are told to use that let Discord decide."""

    def __init__(self, *, shards: int = 1, bot_name: str = "fakebot") -> None:
        self.bot = shapes.bot_user(bot_name)
        self.commands: dict[tuple[str | None, str], Json] = {}
        """What the bot has registered, by server (None for all) and name."""
        self.heard: list[str] = []
        """Texts of the bot's messages and replies, in the order in which they came."""
        self.requests: list[tuple[str, str, Any]] = []
        """(method, path, body) of every call of the REST API."""
        self.refusals: dict[tuple[str, str], int] = {}
        """(method, path) of calls that are refused, and the HTTP status that they get."""
        self._shards = shards
        self._people: dict[str, Json] = {}
        self._deferred: dict[str, Json] = {}
        self._changed = threading.Condition()
        self._gateway = Gateway(self.bot, self._server, self._notify)
        self._rest = RestServer(self._answer, self._notify)
        self.api_url = f"{self._rest.url}/api/v10"
        self.gateway_url = self._gateway.url

    def close(self) -> None:
        self._gateway.close()
        self._rest.close()

    def __enter__(self) -> FakeDiscord:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # What people do

    def user_id(self, person: str) -> str:
        return str(self._person(person)["id"])

    def say(self, person: str, text: str) -> str:
        """Returns the message's id."""
        return self._tell(shapes.message(self._person(person), text))

    def call(self, person: str, command: str, options: list[Json] | None = None) -> str:
        """Use a slash command, or try to: people also call what the bot has withdrawn. Returns the interaction's id."""
        return self._interact(person, command, {"type": SLASH_COMMAND, "options": options or []})

    def call_on(self, person: str, command: str, other: str) -> str:
        """Pick a command from the menu of another person."""
        target = self._person(other)
        others = {"users": {target["id"]: target}, "members": {target["id"]: shapes.member_without_user(target)}}
        return self._interact(person, command, {"type": USER_MENU, "target_id": target["id"], "resolved": others})

    def _interact(self, person: str, command: str, data: Json) -> str:
        known = self.commands.get((None, command)) or self.commands.get((shapes.SERVER_ID, command)) or {}
        called = {"id": known.get("id", INVENTED_COMMAND_ID), "name": command, **data}
        interaction = shapes.interaction(self._person(person), called)
        self._gateway.dispatch("INTERACTION_CREATE", interaction)
        return str(interaction["id"])

    def drop(self, code: int = 4000) -> None:
        """Close the gateway's connections. After 4000 bots resume their session; docs/testing.md has other codes."""
        self._gateway.drop(code)

    # What one waits for

    @property
    def logins(self) -> int:
        """New sessions so far, of all shards."""
        return self._gateway.logins

    @property
    def resumes(self) -> int:
        return self._gateway.resumes

    def wait_for_bot(self, timeout_s: float = 60.0) -> None:
        """Until every shard is connected and what people say would reach the bot."""
        self.wait_until(lambda: self._gateway.is_complete, "the bot to connect", timeout_s)

    def wait_for_calm(self, timeout_s: float = 60.0) -> None:
        """Until the bot has read what it was sent so far, answers of the API among it, which it may read later than
        what people say. Discord may ask bots for a heartbeat; this is when it was asked and has answered some times."""
        for _ in range(HEARTBEATS_UNTIL_CALM):
            before = self._gateway.heartbeats
            self._gateway.ask_for_heartbeat()
            self.wait_until(partial(self._has_beaten_since, before), "a heartbeat", timeout_s)

    def _has_beaten_since(self, before: int) -> bool:
        return self._gateway.heartbeats > before

    def wait_to_hear(self, text: str, timeout_s: float = 60.0) -> bool:
        self.wait_until(lambda: text in self.heard, f"{text!r} from the bot", timeout_s)
        return True

    def wait_until(self, so: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Raises TimeoutError. `so` is asked whenever something happened."""
        with self._changed:
            if not self._changed.wait_for(so, timeout_s):
                raise TimeoutError(f"Waited {timeout_s:g} s for {what}. Heard so far: {self.heard}")

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _person(self, name: str) -> Json:
        new = shapes.user(str(shapes.FIRST_PERSON_ID + len(self._people)), name)
        return self._people.setdefault(name, new)

    def _server(self) -> Json:
        return shapes.server([shapes.member(self.bot)], 2 + len(self._people))

    def _tell(self, message: Json, event: str = "MESSAGE_CREATE") -> str:
        """Bots without the privileged intent get no text but their own."""

        def seen_by(session: Session) -> Json | None:
            if not session.intents & GUILD_MESSAGES:
                return None
            own = message["author"]["id"] == self.bot["id"]
            return message if own or session.intents & MESSAGE_CONTENT else {**message, "content": ""}

        self._gateway.dispatch(event, seen_by)
        return str(message["id"])

    # The REST API: what is answered is (status, body), and None is no content

    def _answer(self, route: Route) -> tuple[int, Any]:
        self.requests.append((route.method, route.path, route.body))
        if status := self.refusals.get((route.method, route.path)):
            return status, {"message": "Refused by the test", "code": 50013, "retry_after": 0.1, "global": False}
        answers: dict[str, Callable[[Route], tuple[int, Any]]] = {
            "users": lambda _: (200, self.bot),
            "oauth2": lambda _: (200, shapes.application(self.bot["username"])),
            "gateway": self._gateway_bot,
            "soundboard-default-sounds": lambda _: (200, []),  # py-cord gets ready with these only
            "channels": self._channels,
            "interactions": self._interaction,
            "webhooks": lambda route: (200, self._follow_up(route)),
            "applications": self._commands,
        }
        answer = answers.get(route.parts[0])
        return answer(route) if answer else (404, {"message": "404: Not Found", "code": 0})

    def _gateway_bot(self, _: Route) -> tuple[int, Any]:
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": max(1, self._shards)}
        return 200, {"url": self.gateway_url, "shards": self._shards, "session_start_limit": limit}

    def _channels(self, route: Route) -> tuple[int, Any]:
        if route.parts[-1] == "typing":
            return 204, None
        if (route.method, route.parts[-1]) != ("POST", "messages"):
            return 200, shapes.channel()
        kept = {key: route.body[key] for key in ("nonce", "message_reference") if route.body.get(key)}
        return 200, self._bot_says(route.body, **kept)

    def _interaction(self, route: Route) -> tuple[int, Any]:
        kind, data = route.body.get("type"), route.body.get("data") or {}
        message = self._defer(route.parts[2], data) if kind == FOLLOW_UP_LATER else self._reply(data)
        if route.query.get("with_response") not in ("1", "true"):
            return 204, None
        told = {"id": route.parts[1], "type": 2, "response_message_id": message["id"]}
        return 200, {"interaction": told, "resource": {"type": kind, "message": message}}

    def _defer(self, token: str, data: Json) -> Json:
        """People see "fakebot is thinking" in a message, whose text comes as an edit."""
        message = self._reply({**data, "content": "", "flags": (data.get("flags") or 0) | LOADING}, heard=False)
        self._deferred[token] = message
        return message

    def _follow_up(self, route: Route) -> Json:
        deferred = self._deferred.pop(route.parts[2], None)
        if deferred is None and route.method == "POST":
            return self._reply(route.body)
        said = deferred or shapes.message(self.bot, "", application_id=shapes.BOT_ID, webhook_id=shapes.BOT_ID)
        edited = {**said, "content": route.body.get("content") or "", "flags": said["flags"] & ~LOADING}
        self.heard.append(edited["content"])
        if not edited["flags"] & EPHEMERAL:
            self._tell(edited, "MESSAGE_UPDATE")
        return edited

    def _reply(self, data: Json, *, heard: bool = True) -> Json:
        return self._bot_says(data, heard=heard, application_id=shapes.BOT_ID, webhook_id=shapes.BOT_ID)

    def _bot_says(self, data: Json, *, heard: bool = True, **more: Any) -> Json:
        flags = data.get("flags") or 0
        message = shapes.message(self.bot, data.get("content") or "", flags=flags, **more)
        if heard:
            self.heard.append(message["content"])
        if not flags & EPHEMERAL:  # these are for one person and no event
            self._tell(message)
        return message

    def _commands(self, route: Route) -> tuple[int, Any]:
        """Libraries match commands by the ids that they get here, so what is registered is kept."""
        if "commands" not in route.parts:
            return 200, shapes.application(self.bot["username"])
        scope = route.parts[3] if "guilds" in route.parts else None
        if route.method == "PUT":
            for key in [key for key in self.commands if key[0] == scope]:
                del self.commands[key]
        if route.method in ("PUT", "POST"):
            given = route.body if isinstance(route.body, list) else [route.body]
            made = [self._register(scope, each) for each in given]
            return 200, made if route.method == "PUT" else made[0]
        return 200, [command for (where, _), command in self.commands.items() if where == scope]

    def _register(self, scope: str | None, given: Json) -> Json:
        about = {"application_id": shapes.BOT_ID, "version": shapes.snowflake(), "default_member_permissions": None}
        command = {"type": SLASH_COMMAND, "description": "", **about, **given, "id": shapes.snowflake()}
        if scope:
            command["guild_id"] = scope
        self.commands[scope, given["name"]] = command
        return command
