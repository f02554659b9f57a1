"""A chat user's command, from the moment it is taken up to its outcome."""

from __future__ import annotations

import os
import time

from botdeck.sdk.client import current, mark_reported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


class Command:
    """One command: `command.started` when it is entered, `command.finished` when it is left.

    The outcome is `error` when an exception leaves it, else `ok`, unless the bot sets `outcome` (to `rejected`, say).
    `sys.exit()` inside is the way a bot obeys `!quit`, so it is no error.
    """

    def __init__(self, name: str, kind: str, attrs: dict[str, object]) -> None:
        self.name = name
        self.kind = kind
        self.outcome: str | None = None
        self._attrs = attrs
        self._id = ""
        self._began = 0.0

    def __enter__(self) -> Command:
        client = current()
        if client is not None:
            self._id = os.urandom(8).hex()
            names = {"id": self._id, "command.name": self.name, "kind": self.kind}
            client.emit("command.started", {**self._attrs, **names})
            self._began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.finish(exc)

    def finish(self, exc: BaseException | None = None) -> None:
        """The end, told once; for those who cannot use `with`."""
        client = current()
        if client is None or not self._id:
            return
        took_ms = round((time.perf_counter() - self._began) * 1000, 3)
        failed = exc is not None and not (isinstance(exc, SystemExit) and not exc.code)
        fields: dict[str, object] = {"id": self._id, "command.name": self.name, "duration_ms": took_ms}
        fields["outcome"] = self.outcome or ("error" if failed else "ok")
        if exc is not None and failed:
            from botdeck.sdk.lines import exception_fields

            fields.update(exception_fields(exc))
            mark_reported(exc)
        self._id = ""
        client.emit("command.finished", fields)

    def __call__(self, function: F) -> F:
        """As a decorator of a function or a coroutine function: each call is a command of its own."""
        import functools
        import inspect

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Command(self.name, self.kind, self._attrs):
                    return await function(*args, **kwargs)
        else:

            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                with Command(self.name, self.kind, self._attrs):
                    return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


def command(name: str, *, user_id: str | None = None, kind: str = "handler", **attrs: object) -> Command:
    """Use as `with botdeck.command("ping", user_id="irc:libera/ann"):` or as `@botdeck.command("ping")`.

    `user_id` is `platform:native-id`; `kind` says how it came: prefix, slash or handler.
    """
    return Command(name, kind, attrs if user_id is None else {**attrs, "user.id": user_id})
