"""Beats come from where the work is done, and stop when it does."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import botdeck
from botdeck.sdk import client as sdk
from botdeck.sdk import heartbeat
from botdeck.sdk.client import Client


class Recorder:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, line: bytes) -> None:
        self.lines.append(json.loads(line))

    @property
    def beats(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == "heartbeat"]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    recorder = Recorder()
    sdk.use(Client(recorder, run="r1"))
    monkeypatch.setattr(heartbeat, "_said", (None, 0.0))
    yield recorder
    sdk.use(None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(heartbeat, "time", clock)
    return clock


def test_a_loop_that_beats_by_hand_at_each_turn_fills_no_file(recorder: Recorder, clock: Clock) -> None:
    for _ in range(201):
        botdeck.heartbeat()
        clock.now += 0.1

    assert len(recorder.beats) == 5
    assert all("gateway.connected" not in beat for beat in recorder.beats)


def test_a_change_of_the_connection_is_told_at_once(recorder: Recorder, clock: Clock) -> None:
    for connected in (False, False, True, True, False, None):
        botdeck.heartbeat(connected)
        clock.now += 0.1

    assert [beat.get("gateway.connected") for beat in recorder.beats] == [False, True, False, None]


def test_a_beat_by_hand_carries_what_it_is_given(recorder: Recorder) -> None:
    botdeck.heartbeat(True, **{"gateway.latency_ms": 41.5, "event": "mine", "gateway.connected": "?"})

    assert recorder.beats[0]["gateway.latency_ms"] == 41.5
    assert recorder.beats[0]["gateway.connected"] is True
    assert recorder.beats[0]["attr.event"] == "mine"


def test_what_is_neither_true_nor_false_harms_nobody(recorder: Recorder) -> None:
    class Neither:
        def __bool__(self) -> bool:
            raise ValueError("neither")

    botdeck.heartbeat(Neither())  # type: ignore[arg-type]
    botdeck.beat_from("no loop")  # type: ignore[arg-type]

    assert [line["event"] for line in recorder.lines[1:]] == ["telemetry.error"] * 2


@pytest.mark.parametrize("seconds", [0.0, 14.9, 15.0, 31.0])
def test_a_heart_beats_when_15_seconds_went_by(recorder: Recorder, clock: Clock, seconds: float) -> None:
    heart = heartbeat.Heart(lambda: True)
    heart.turn()
    clock.now += seconds

    heart.turn()
    heart.turn()

    assert len(recorder.beats) == (2 if seconds >= 15 else 1)


def test_a_heart_goes_on_when_the_bot_cannot_be_asked(recorder: Recorder) -> None:
    def fails() -> bool:
        raise AttributeError("another release of the library")

    heart = heartbeat.Heart(fails)
    heart.beat()
    heart.beat()

    assert [line["event"] for line in recorder.lines[1:]] == ["telemetry.error", "heartbeat", "heartbeat"]


async def turns(loop_turns: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not loop_turns():
            await asyncio.sleep(0.001)


async def test_an_asyncio_loop_beats_while_it_turns_and_not_while_it_is_held_up(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.01)
    botdeck.beat_from(asyncio.get_running_loop(), connected=lambda: True)
    await turns(lambda: len(recorder.beats) >= 3)

    beats = len(recorder.beats)
    time.sleep(0.2)  # noqa: ASYNC251 - what a bot does that hangs
    held_up = len(recorder.beats)
    await turns(lambda: len(recorder.beats) > beats)

    assert held_up == beats
    assert recorder.beats[-1]["eventloop.lag_ms"] >= 100
    assert recorder.beats[0]["eventloop.lag_ms"] == 0
    assert all(beat["gateway.connected"] for beat in recorder.beats)


async def test_asking_twice_for_beats_of_a_loop_is_the_same_as_once(recorder: Recorder) -> None:
    for _ in range(3):
        botdeck.beat_from(asyncio.get_running_loop())
    await turns(lambda: bool(recorder.beats))
    for _ in range(5):
        await asyncio.sleep(0)

    assert len(recorder.beats) == 1
    assert "gateway.connected" not in recorder.beats[0]


def test_a_loop_that_is_asked_for_beats_before_it_runs_beats_when_it_does(recorder: Recorder) -> None:
    loop = asyncio.new_event_loop()
    botdeck.beat_from(loop)
    before = len(recorder.beats)

    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    assert (before, len(recorder.beats)) == (0, 1)


def test_without_configuration_a_loop_is_left_alone() -> None:
    sdk.use(None)
    loop = asyncio.new_event_loop()

    botdeck.beat_from(loop)
    botdeck.heartbeat(True)

    assert not loop._ready  # type: ignore[attr-defined]
    loop.close()
