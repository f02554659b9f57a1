"""A bot elsewhere and the deck it posts to: what arrives, what is kept, and what is given up."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botdeck.sdk import client as sdk
from botdeck.sdk import posting, remote
from botdeck.sdk.client import Client
from botdeck.sdk.remote import HttpWriter
from botdeck.sdk.spool import Spool

from ..ingest_server import IngestServer, Refusal


@pytest.fixture
def server() -> Iterator[IngestServer]:
    with IngestServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits are the thing that is real here, only shorter."""
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.1)
    monkeypatch.setattr(remote, "GATHER_S", 0.05)


def a_client(url: str, folder: Path, run: str = "r1") -> Client:
    writer = HttpWriter(url, "secret-token", str(folder))
    return Client(writer, run=run, bot="greeter").goes_by_http(writer)


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["n"] for event in events if event["event"] == "x"]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ndjson"))


def refuse(status: int, **headers: str) -> Refusal:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, b"no"


def test_events_arrive_in_order_with_the_token(server: IngestServer, tmp_path: Path) -> None:
    client = a_client(server.url, tmp_path)

    for n in range(2500):
        client.emit("x", {"n": n})

    assert client.flush(20)
    assert numbers(server.events) == list(range(2500))
    assert server.names[0] == "bot.started"
    assert server.tokens == {"Bearer secret-token"}
    assert max(server.batches) <= 1000
    assert files(tmp_path) == []


def test_batches_are_bounded_in_bytes_too(server: IngestServer, tmp_path: Path) -> None:
    sizes = []
    server.answer = lambda lines: sizes.append(sum(map(len, lines)) + len(lines))
    client = a_client(server.url, tmp_path)

    for n in range(100):
        client.emit("x", {"n": n, "text": "t" * 50_000})

    assert client.flush(20)
    assert numbers(server.events) == list(range(100))
    assert max(sizes) <= 1 << 20


def test_what_is_sent_twice_counts_once(server: IngestServer, tmp_path: Path) -> None:
    """The deck takes a batch, and the answer is lost on its way."""
    lost = []

    def lose_the_first(lines: list[bytes]) -> Refusal | None:
        if lost:
            return None
        lost.append(server._take([json.loads(line) for line in lines]))
        return refuse(502)

    server.answer = lose_the_first
    client = a_client(server.url, tmp_path)
    client.emit("x", {"n": 1})

    server.wait_for(lambda: server.duplicates >= 1 and len(server.events) == 2)

    assert server.names == ["bot.started", "x"]


def test_a_batch_that_was_taken_in_part_is_continued(server: IngestServer, tmp_path: Path) -> None:
    def take_five_at_most(lines: list[bytes]) -> Refusal | None:
        return server._take([json.loads(line) for line in lines[:5]])

    server.answer = take_five_at_most
    client = a_client(server.url, tmp_path)

    for n in range(33):
        client.emit("x", {"n": n})

    assert client.flush(20)
    server.wait_for(lambda: len(server.events) == 34)
    assert numbers(server.events) == list(range(33))
    assert server.duplicates == 0


def test_what_a_deck_that_is_away_has_not_taken_is_on_the_disk_and_comes_later_and_first(
    server: IngestServer, tmp_path: Path
) -> None:
    server.answer = lambda lines: refuse(503)
    client = a_client(server.url, tmp_path)
    for n in range(50):
        client.emit("x", {"n": n})
    assert client.flush(20)  # to the disk
    assert server.events == []
    assert sum(path.read_bytes().count(b"\n") for path in files(tmp_path)) == 51

    server.answer = lambda lines: None
    client.emit("x", {"n": 50})

    server.wait_for(lambda: len(server.events) == 52)
    assert numbers(server.events) == list(range(51))
    server.wait_for(lambda: files(tmp_path) == [])


@pytest.mark.parametrize("wait", ["3600", "Wed, 01 Jan 2200 00:00:00 GMT"])
def test_a_deck_that_asks_for_time_gets_it(server: IngestServer, tmp_path: Path, wait: str) -> None:
    server.answer = lambda lines: refuse(429, Retry_After=wait)
    client = a_client(server.url, tmp_path)
    client.emit("x", {"n": 1})
    server.wait_for(lambda: len(server.batches) == 1)
    assert client.flush(20)

    writer = client._remote
    assert writer is not None
    assert 3500 < writer._due - time.monotonic() <= 3600
    assert len(server.batches) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_ends_it_with_one_line(
    server: IngestServer, tmp_path: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = lambda lines: refuse(status)
    client = a_client(server.url, tmp_path)
    client.emit("x", {"n": 1})
    assert client.flush(20)
    for n in range(20_000):
        client.emit("x", {"n": n})

    assert client.flush(20)
    assert len(server.batches) == 1
    assert capsys.readouterr().err == (
        f"botdeck: the deck at {server.url} refuses BOTDECK_TOKEN ({status}). "
        "This bot reports nothing until it is restarted.\n"
    )


def test_a_line_that_the_deck_cannot_read_is_dropped_and_counted_and_the_others_arrive(
    server: IngestServer, tmp_path: Path
) -> None:
    server.answer = lambda lines: refuse(400) if any(b'"poison":true' in line for line in lines) else None
    client = a_client(server.url, tmp_path)
    for n in range(200):
        client.emit("x", {"n": n, "poison": n in (17, 18, 140)})
    assert client.flush(20)

    client.emit("after", {})

    assert client.flush(20)
    assert numbers(server.events) == [n for n in range(200) if n not in (17, 18, 140)]
    assert server.names[-2:] == ["telemetry.dropped", "after"]
    assert server.events[-2]["count"] == 3


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b"[]", b'{"acked_through": "all"}', b"[" * 100_000])
def test_an_answer_that_is_not_a_decks_takes_nothing(server: IngestServer, tmp_path: Path, body: bytes) -> None:
    server.answer = lambda lines: (200, {}, body)
    client = a_client(server.url, tmp_path)
    client.emit("x", {"n": 1})
    server.wait_for(lambda: len(server.batches) >= 1)

    server.answer = lambda lines: None

    server.wait_for(lambda: numbers(server.events) == [1])


def test_a_deck_that_was_restarted_is_reached_over_a_new_connection(server: IngestServer, tmp_path: Path) -> None:
    client = a_client(server.url, tmp_path)
    client.emit("x", {"n": 1})
    assert client.flush(20)
    server.__exit__(None, None, None)
    client.emit("x", {"n": 2})

    with IngestServer(server.port) as again:
        again.wait_for(lambda: numbers(again.events) == [2])


def test_a_port_that_refuses_costs_the_bot_nothing(server: IngestServer, tmp_path: Path) -> None:
    server.__exit__(None, None, None)
    client = a_client(server.url, tmp_path)

    for n in range(3000):
        client.emit("x", {"n": n})

    assert client.flush(20)
    assert sum(path.read_bytes().count(b"\n") for path in files(tmp_path)) == 3001


def test_with_neither_deck_nor_disk_the_queue_fills_and_the_rest_is_counted(
    server: IngestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MOST_LINES", 100)
    (tmp_path / "file").write_text("no folder can be made below this")
    server.answer = lambda lines: refuse(503)
    client = a_client(server.url, tmp_path / "file" / "spool")
    for n in range(1000):
        client.emit("x", {"n": n})
    server.wait_for(lambda: len(server.batches) >= 2)

    server.answer = lambda lines: None
    assert client.flush(20)
    client.emit("after", {})
    assert client.flush(20)

    dropped = sum(event["count"] for event in server.events if event["event"] == "telemetry.dropped")
    assert dropped > 500
    assert len(numbers(server.events)) + dropped == 1000


def test_a_fault_of_the_thread_is_told_once_and_the_events_arrive(
    server: IngestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "LONGEST_WAIT_S", 0.1)
    send_kept, faults = HttpWriter._send_kept, [KeyError("one"), KeyError("two")]

    def stumble(writer: HttpWriter) -> bool:
        if faults:
            raise faults.pop()
        return send_kept(writer)

    monkeypatch.setattr(HttpWriter, "_send_kept", stumble)
    client = a_client(server.url, tmp_path)
    sdk.use(client)
    client.emit("x", {"n": 1})

    server.wait_for(lambda: len(server.events) == 3)
    sdk.use(None)
    assert server.names == ["bot.started", "x", "telemetry.error"]


def test_the_disk_is_bounded_and_what_is_oldest_goes_first(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), most_bytes=250_000)
    dropped = 0
    for n in range(10):  # of 100,000 bytes each
        dropped += spool.append([b'{"n":%d,"pad":"%b"}\n' % (n, b"p" * 980)] * 100)
        spool.end_the_file()

    assert dropped == 800
    assert [path.read_bytes()[:6] for path in files(tmp_path)] == [b'{"n":8', b'{"n":9']


def test_a_file_is_sent_by_one_process_and_never_while_another_writes_it(tmp_path: Path) -> None:
    writing, other = Spool(str(tmp_path)), Spool(str(tmp_path))
    writing.append([b"one\n"])
    assert other.oldest() is None

    writing.end_the_file()
    kept = other.oldest()

    assert kept is not None
    assert kept.lines == [b"one\n"]
    assert writing.oldest() is None
    kept.remove()
    assert files(tmp_path) == []


def test_lines_go_on_to_the_disk_when_somebody_cleared_the_folder(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "spool"))
    spool.append([b"one\n"])
    for path in files(tmp_path / "spool"):
        path.unlink()
    (tmp_path / "spool").rmdir()

    spool.append([b"two\n"])

    kept = spool.oldest()
    assert kept is not None
    assert kept.lines == [b"two\n"]
    kept.let_go()


def test_a_line_that_a_crash_left_unfinished_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "1.ndjson").write_bytes(b"whole\ntor")

    kept = Spool(str(tmp_path)).oldest()

    assert kept is not None
    assert kept.lines == [b"whole\n"]
    kept.let_go()


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        ("deck.example.org", "t", "BOTDECK_URL should be the deck's address"),
        ("ftp://deck", "t", "BOTDECK_URL should be the deck's address"),
        ("http://deck:port", "t", "BOTDECK_URL should be the deck's address"),
        ("http://deck", "", "BOTDECK_TOKEN should be the token"),
        ("http://deck", "a\nb", "BOTDECK_TOKEN should be the token"),
    ],
)
def test_settings_that_cannot_be_meant_are_told_once_and_harm_nobody(
    url: str, token: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOTDECK_TOKEN", token)

    assert remote.from_environment(url) is None

    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("5", 5), ("0.5", 0.5), ("-3", 0), ("nan", 0), ("inf", 3600), ("soon", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_how_long_a_deck_asks_us_to_wait(header: str, wait_s: float) -> None:
    assert posting._seconds(header) == wait_s
