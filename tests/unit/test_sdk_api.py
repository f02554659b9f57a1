"""A heartbeat takes along what the bot asked of its platform's API since the one before."""

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from botdeck.sdk import api
from botdeck.sdk import client as sdk
from botdeck.sdk.client import Client
from botdeck.sdk.heartbeat import Heart


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []

    class Recorder:
        def write(self, line: bytes) -> None:
            event = json.loads(line)
            if event["event"] == "heartbeat":
                lines.append({name: value for name, value in event.items() if name.startswith("api.")})

    monkeypatch.setattr(api, "_counts", api._Counts())
    sdk.use(Client(Recorder(), run="r1"))
    yield lines
    sdk.use(None)


def test_a_beat_tells_of_the_requests_since_the_one_before(beats: list[dict[str, Any]]) -> None:
    heart = Heart(lambda: True)

    api.called(12.34)
    api.called(250.0, failed=True)
    api.called(3, rate_limited=True)
    heart.beat()
    heart.beat()

    assert beats == [
        {"api.calls": 3, "api.errors": 1, "api.max_ms": 250.0, "api.rate_limited": 1},
        {"api.calls": 0, "api.errors": 0, "api.max_ms": 0.0, "api.rate_limited": 0},
    ]


def test_where_nobody_counts_requests_a_beat_does_not_speak_of_them(beats: list[dict[str, Any]]) -> None:
    Heart(lambda: True).beat()

    assert beats == [{}]


def test_requests_of_many_threads_are_all_counted(beats: list[dict[str, Any]]) -> None:
    def ask() -> None:
        for _ in range(2000):
            api.called(1.0)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Heart(lambda: True).beat()

    assert beats[0]["api.calls"] == 8000


def test_a_forked_child_does_not_tell_what_its_parent_counted(beats: list[dict[str, Any]]) -> None:
    api.called(5.0)

    with api._counts.lock:  # as another thread may hold it at the fork
        pid = os.fork()
        if pid == 0:
            taken = api.take()
            os._exit(0 if taken["api.calls"] == 0 else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert api.take()["api.calls"] == 1
