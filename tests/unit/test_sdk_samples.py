"""A bot's own numbers go out where it beats, once a minute."""

from collections.abc import Iterator

import pytest

import botdeck
from botdeck.sdk import client as sdk
from botdeck.sdk import samples
from botdeck.sdk.heartbeat import Heart
from botdeck.sdk.samples import Samplers

from .test_sdk_client import Recorder
from .test_sdk_heartbeat import Clock


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    recorder = Recorder()
    sdk.use(sdk.Client(recorder, run="r1"))
    monkeypatch.setattr(samples, "of_this_process", Samplers())
    yield recorder
    sdk.use(None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(samples, "time", clock)
    return clock


def test_the_numbers_of_all_samplers_go_out_in_one_event_a_minute(recorder: Recorder, clock: Clock) -> None:
    heart = Heart(lambda: None)

    @botdeck.sampler
    def size() -> dict[str, object]:
        return {"servers": 3, "members": 120}

    @botdeck.sampler
    def queue() -> dict[str, object]:
        return {"queue": 7}

    for _ in range(9):  # over two minutes
        heart.beat()
        clock.now += 15

    told = [line for line in recorder.lines if line["event"] == "sample"]
    assert len(told) == 3
    assert {name: told[0][name] for name in ("servers", "members", "queue")} == {
        "servers": 3,
        "members": 120,
        "queue": 7,
    }
    assert size() == {"servers": 3, "members": 120}  # it is the function that it was


def test_a_fault_of_a_sampler_is_told_once_and_the_beats_and_the_others_go_on(recorder: Recorder, clock: Clock) -> None:
    heart = Heart(lambda: None)
    botdeck.sampler(lambda: {"fine": 1})
    botdeck.sampler(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    botdeck.sampler(lambda: None)  # type: ignore[arg-type, return-value]

    for _ in range(3):
        heart.beat()
        clock.now += 60

    assert recorder.names.count("telemetry.error") == 2
    assert recorder.names.count("heartbeat") == 3
    assert [line["fine"] for line in recorder.lines if line["event"] == "sample"] == [1, 1, 1]


def test_what_cannot_be_a_sampler_is_told_and_given_back(recorder: Recorder) -> None:
    unhashable: list[object] = []

    assert botdeck.sampler(unhashable) is unhashable  # type: ignore[type-var]

    assert recorder.names[-1] == "telemetry.error"
