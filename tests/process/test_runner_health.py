"""Bots that live and do not work are seen, and restarted if that is wanted; bots that say when they are ready are
believed."""

import socket

import pytest

from botdeck.models import Action, Cause
from tests.process.fake_deck import FakeDeck
from tests.process.runner_house import RunnerHouse

pytestmark = pytest.mark.process

SAYS = """
import os, time
events = os.open(os.environ["BOTDECK_EVENTS"], os.O_WRONLY | os.O_APPEND)
def say(event, more=b""):
    line = b'\\n{"v":1,"event":"%s","time":"2026-11-22T20:00:00Z","run":"r"%s}\\n' % (event, more)
    os.write(events, line)
def beat(connected=b"true"):
    say(b"heartbeat", b',"gateway.connected":' + connected)
"""


async def test_a_bot_that_stops_beating_is_unhealthy_and_is_restarted(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SAYS + "beat()\ntime.sleep(600)", heartbeat_timeout_s=2))
    await house.start()

    await fake_deck.until(lambda: len(fake_deck.runs_of("bot")) >= 2)
    run = fake_deck.runs_of("bot")[0]

    assert run.cause is Cause.UNHEALTHY
    assert run.reason == "no heartbeat for 2 s"
    assert fake_deck.states("bot")[:4] == ["starting", "running", "unhealthy", "stopping"]


async def test_a_bot_that_is_only_to_be_shown_as_unhealthy_keeps_its_process(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    text = SAYS + "beat()\nwhile not os.path.exists('go'): time.sleep(0.05)\nwhile True: beat(); time.sleep(0.2)"
    house.configure(bot=house.python(text, heartbeat_timeout_s=2, restart_unhealthy=False))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "unhealthy"))
    deaf = fake_deck.status("bot")

    (house.folder / "go").touch()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))
    again = fake_deck.status("bot")

    assert deaf is not None
    assert deaf.reason == "no heartbeat for 2 s"
    assert again is not None
    assert (again.pid, again.reason, again.crashes_total) == (deaf.pid, "", 0)


async def test_a_bot_that_beats_and_says_it_is_disconnected_is_unhealthy_also_for_the_next_runner(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    text = SAYS + "while True:\n    beat(b'false'); time.sleep(0.3)"
    house.configure(bot=house.python(text, gateway_timeout_s=1, restart_unhealthy=False))
    runner = await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "unhealthy"))
    first = fake_deck.status("bot")
    await house.kill(runner)

    seen = len(fake_deck.statuses)
    await house.start()
    await fake_deck.until(lambda: any(status.state == "unhealthy" for status in fake_deck.statuses[seen:]))
    second = fake_deck.status("bot")

    assert first is not None
    assert first.reason.startswith("disconnected from its platform for")
    assert second is not None
    assert second.pid == first.pid


async def test_a_bot_that_falls_silent_is_unhealthy_if_that_was_asked_for(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    text = "import time\nfor _ in range(8):\n    print('.', flush=True)\n    time.sleep(0.3)\ntime.sleep(600)"
    house.configure(bot=house.python(text, output_timeout_s=2, restart_unhealthy=False))
    await house.start()

    await fake_deck.until(lambda: fake_deck.is_("bot", "unhealthy"))
    status = fake_deck.status("bot")

    assert status is not None
    assert status.reason == "neither output nor events for 2 s"
    assert status.uptime_s is not None
    assert status.uptime_s > 4


async def test_a_bot_that_does_not_answer_its_probe_is_unhealthy_until_it_does(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = (
        "import os, socket, time\n"
        "while not os.path.exists('go'): time.sleep(0.05)\n"
        f"s = socket.create_server(('127.0.0.1', {port}))\n"
        "while True: s.accept()[0].close()"
    )
    house.configure(
        bot=house.python(
            text, probe=f"tcp://127.0.0.1:{port}", probe_interval_s=1, probe_failures=2, restart_unhealthy=False
        )
    )
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "unhealthy"))
    status = fake_deck.status("bot")

    (house.folder / "go").touch()
    await fake_deck.until(lambda: fake_deck.is_("bot", "running"))

    assert status is not None
    assert status.reason == f"does not answer at tcp://127.0.0.1:{port}: connection refused (2 times in a row)"


async def test_a_bot_is_running_when_it_prints_what_was_agreed_or_says_that_it_is_connected(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    waits = "while not os.path.exists('go'): time.sleep(0.05)\n"
    house.configure(
        prints=house.python(
            f"import os, time\nprint('hello', flush=True)\n{waits}print('logged in as bot', flush=True)\n"
            "time.sleep(600)",
            ready="output:logged in as \\w+",
        ),
        says=house.python(f"{SAYS}{waits}say(b'gateway.ready')\ntime.sleep(600)", ready="sdk"),
    )
    await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("prints") == b"hello\n")
    before = [fake_deck.states(bot) for bot in ("prints", "says")]

    (house.folder / "go").touch()
    await fake_deck.until(lambda: fake_deck.is_("prints", "running") and fake_deck.is_("says", "running"))

    assert before == [["starting"], ["starting"]]


async def test_a_bot_that_is_not_ready_in_time_is_ended_and_counts_as_crashed(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=house.python(SAYS + "time.sleep(600)", ready="sdk", ready_timeout_s=1, max_crashes=1))
    await house.start()

    await fake_deck.until(lambda: fake_deck.is_("bot", "failed"))
    (run,) = fake_deck.runs_of("bot")
    status = fake_deck.status("bot")

    assert (run.cause, run.reason) == (
        Cause.UNHEALTHY,
        "not ready within 1 s: it did not say that it is connected",
    )
    assert status is not None
    assert status.crashes_total == 1
    assert status.reason.startswith("1 crash in a row, and max_crashes is 1; last end: not ready within 1 s")


async def test_a_stop_of_an_unhealthy_bot_stops_it(house: RunnerHouse, fake_deck: FakeDeck) -> None:
    house.configure(bot=house.python(SAYS + "beat()\ntime.sleep(600)", heartbeat_timeout_s=1, restart_unhealthy=False))
    await house.start()
    await fake_deck.until(lambda: fake_deck.is_("bot", "unhealthy"))

    await fake_deck.order("bot", Action.STOP)
    await fake_deck.until(lambda: fake_deck.is_("bot", "stopped"))

    assert house.processes() == []
