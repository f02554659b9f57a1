"""What `botdeck runner join` does: exchanges a one-time token for one of the runner's own, and keeps that."""

import contextlib
import http.client
import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import SplitResult

from botdeck.cli.client import TIMEOUT_S, sentence_of
from botdeck.data_dir import JoinedDeck, joined_file, lock_holder, make_data_dir
from botdeck.errors import BotdeckError, JoinRefused, ProtocolError
from botdeck.models import Joined
from botdeck.protocol.addresses import base_url, is_local
from botdeck.protocol.codec import from_json, to_json


class CannotJoin(BotdeckError):
    """Nothing was exchanged; the message says why."""


def join(address: SplitResult, token: str, *, name: str | None, data_dir: Path) -> JoinedDeck:
    """Raises CannotJoin, JoinRefused with the deck's own sentence."""
    try:
        make_data_dir(data_dir)
        if lock_holder(data_dir / "deck.lock") is not None:
            raise CannotJoin(
                f"A deck runs with {data_dir} itself, and its runner reports to that one. Join with the configuration "
                f"of another folder, or stop that deck first (botdeck down)."
            )
        # Before the token is used up: what cannot be written here must not cost it.
        with _safely_written(joined_file(data_dir)) as write:
            answer = _ask(address, {"token": token, "name": name, "host": socket.gethostname()})
            joined = JoinedDeck(url=base_url(address), runner=answer.runner, token=answer.token)
            write(json.dumps(to_json(joined)) + "\n")
    except OSError as error:
        raise CannotJoin(f"Nothing can be kept in {data_dir}: {error.strerror or error}.") from None
    return joined


@contextlib.contextmanager
def _safely_written(path: Path) -> Iterator[Callable[[str], object]]:
    """Owner only, and under its name once all of it is on the disk."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w") as file:
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _ask(address: SplitResult, form: dict[str, Any]) -> Joined:
    url = base_url(address)
    request = urllib.request.Request(f"{url}api/runner/join", json.dumps(form).encode(), method="POST")  # noqa: S310
    request.add_header("Content-Type", "application/json")
    # A proxy is for decks elsewhere, as with the link.
    proxy = [urllib.request.ProxyHandler({})] if is_local(address) else []
    try:
        with urllib.request.build_opener(_NoRedirect, *proxy).open(request, timeout=TIMEOUT_S) as answer:
            return from_json(Joined, json.load(answer))
    except urllib.error.HTTPError as error:
        raise _refusal(url, error) from None
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        raise CannotJoin(f"The deck at {url} cannot be reached: {_why(error)}.") from None
    except (ValueError, ProtocolError):
        raise CannotJoin(f"What answers at {url} is no deck. Is its address right, its path included?") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token is not carried to where an answer points."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        return None


def _refusal(url: str, error: urllib.error.HTTPError) -> BotdeckError:
    if 300 <= error.code < 400:
        there = str(error.headers.get("Location", "another address")).removesuffix("api/runner/join")
        return CannotJoin(f"{url} points to {there}. Join that address, if it is your deck's.")
    return JoinRefused(sentence_of(error))


def _why(error: BaseException) -> str:
    """Without a full stop."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({reason.verify_message.rstrip('.')})"
    if isinstance(reason, TimeoutError):
        return f"it does not answer within {TIMEOUT_S:g} s"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.rstrip(".")
    return str(reason or type(error).__name__).rstrip(".")
