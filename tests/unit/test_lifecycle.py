"""Lives as tables: what happens, when, and what is expected of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from botdeck import lifecycle
from botdeck.errors import ActionRefused
from botdeck.lifecycle import (
    Adopted,
    Asked,
    CannotStart,
    Configured,
    Deaf,
    Due,
    Ended,
    Happening,
    Hears,
    Leaving,
    Life,
    Order,
    Ready,
    Redefined,
    Removed,
    Scheduled,
    TooBig,
    Vacant,
    step,
)
from botdeck.models import Action, Cause, Restart, State, Wanted
from botdeck.restart_policy import HEALTHY_AFTER_S, History, Policy, delay_s

START = Asked(action=Action.START, operator="ann")
STOP = Asked(action=Action.STOP, operator="ann")
RESTART = Asked(action=Action.RESTART, operator="ann")
KILL = Asked(action=Action.KILL, operator="ann")
BEN_STARTS = Asked(action=Action.START, operator="ben")
CRASH = Ended(lived_s=2.0, exit_code=3)
CLEAN = Ended(lived_s=2.0, exit_code=0)
TERMED = Ended(lived_s=20.0, signal="SIGTERM")
KILLED = Ended(lived_s=20.0, signal="SIGKILL")

ALWAYS = Policy()
NEVER = Policy(restart=Restart.NEVER)
ON_FAILURE = Policy(restart=Restart.ON_FAILURE)
FRUGAL = Policy(start_budget=3, max_crashes=2)
SAYS_READY = Policy(ready_after_s=None, ready_timeout_s=30)
ONLY_SHOWN = Policy(restart_unhealthy=False)
DEAF = Deaf(reason="no heartbeat for 62 s")

Row = tuple[float, Happening, str, str]
"""When, what happens, the state after it, the order it gives."""


def live(rows: Sequence[Row], policy: Policy = ALWAYS, life: Life | None = None) -> Life:
    life = life or Life()
    for number, (now, happening, state, order) in enumerate(rows):
        life, given = step(life, happening, now, policy)
        assert (number, life.state, given) == (number, state, order), f"row {number}: {happening} gave {life}"
    return life


LIVES: dict[str, tuple[Policy, list[Row]]] = {
    "start, work, stop": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (9, STOP, "stopping", "terminate"),
            (10, TERMED, "stopped", "nothing"),
        ],
    ),
    "a bot that says it is ready is running before its time": (
        ALWAYS,
        [(0, START, "starting", "spawn"), (0.2, Ready(), "running", "nothing"), (0.3, Ready(), "running", "nothing")],
    ),
    "nothing is due before its time, and what is due happens exactly at it": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (0.999, Due(), "starting", "nothing"),
            (1.0, Due(), "running", "nothing"),
            (50, Due(), "running", "nothing"),
            (60, STOP, "stopping", "terminate"),
            (69.999, Due(), "stopping", "nothing"),
            (70.0, Due(), "stopping", "kill"),
            (71.0, Due(), "stopping", "nothing"),
            (72.0, KILLED, "stopped", "nothing"),
        ],
    ),
    "an operator stops it during backoff": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (4.5, STOP, "stopped", "nothing"),
            (5.1, Due(), "stopped", "nothing"),
        ],
    ),
    "an operator starts it during backoff, and it begins at once and anew": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (4.5, START, "starting", "spawn"),
            (6, CRASH, "starting", "spawn"),
        ],
    ),
    "a restart during backoff is a start": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (4.5, RESTART, "starting", "spawn"),
        ],
    ),
    "five crashes in a row, each start later than the one before": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (4.99, Due(), "backoff", "nothing"),
            (5, Due(), "starting", "spawn"),
            (7, CRASH, "backoff", "nothing"),
            (8.99, Due(), "backoff", "nothing"),
            (9, Due(), "starting", "spawn"),
            (11, CRASH, "backoff", "nothing"),
            (15, Due(), "starting", "spawn"),
            (17, CRASH, "backoff", "nothing"),
            (24.99, Due(), "backoff", "nothing"),
            (25, Due(), "starting", "spawn"),
        ],
    ),
    "a crash after days of health is the first again": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (5, Due(), "starting", "spawn"),
            (6, Due(), "running", "nothing"),
            (200_000, Ended(lived_s=199_995, signal="SIGSEGV"), "starting", "spawn"),
            (200_002, CRASH, "backoff", "nothing"),
        ],
    ),
    "a clean end under always is started again": (
        ALWAYS,
        [(0, START, "starting", "spawn"), (2, CLEAN, "starting", "spawn"), (4, CLEAN, "backoff", "nothing")],
    ),
    "a clean end under on-failure is an end": (
        ON_FAILURE,
        [(0, START, "starting", "spawn"), (2, CLEAN, "exited", "nothing"), (3, START, "starting", "spawn")],
    ),
    "a crash under on-failure is started again": (
        ON_FAILURE,
        [(0, START, "starting", "spawn"), (2, CRASH, "starting", "spawn")],
    ),
    "an end that nobody saw counts as a failure": (
        ON_FAILURE,
        [(0, START, "starting", "spawn"), (2, Ended(lived_s=2), "starting", "spawn")],
    ),
    "a clean end under never is an end": (NEVER, [(0, START, "starting", "spawn"), (2, CLEAN, "exited", "nothing")]),
    "a crash under never is an end": (NEVER, [(0, START, "starting", "spawn"), (2, CRASH, "exited", "nothing")]),
    "a restart under never starts it again": (
        NEVER,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (2, RESTART, "stopping", "terminate"),
            (3, TERMED, "starting", "spawn"),
        ],
    ),
    "a bot that ignores SIGTERM is killed during a restart and started": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (2, RESTART, "stopping", "terminate"),
            (12, Due(), "stopping", "kill"),
            (12.1, KILLED, "starting", "spawn"),
        ],
    ),
    "a restart while it is stopping starts it when it is gone": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, STOP, "stopping", "terminate"),
            (3, RESTART, "stopping", "nothing"),
            (4, TERMED, "starting", "spawn"),
        ],
    ),
    "two restarts are one": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, RESTART, "stopping", "terminate"),
            (3, RESTART, "stopping", "nothing"),
            (4, TERMED, "starting", "spawn"),
        ],
    ),
    "a stop of a bot that is being restarted leaves it stopped": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, RESTART, "stopping", "terminate"),
            (3, STOP, "stopping", "nothing"),
            (4, TERMED, "stopped", "nothing"),
        ],
    ),
    "start while stopping, then stop again": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, STOP, "stopping", "terminate"),
            (3, START, "stopping", "nothing"),
            (4, STOP, "stopping", "nothing"),
            (12, Due(), "stopping", "kill"),
            (13, KILLED, "stopped", "nothing"),
        ],
    ),
    "a second stop does not begin patience anew": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, STOP, "stopping", "terminate"),
            (11, STOP, "stopping", "nothing"),
            (12, Due(), "stopping", "kill"),
        ],
    ),
    "kill during stopping kills at once": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, STOP, "stopping", "terminate"),
            (3, KILL, "stopping", "kill"),
            (12, Due(), "stopping", "nothing"),
            (13, KILLED, "stopped", "nothing"),
        ],
    ),
    "kill of a bot that is being restarted leaves it stopped": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, RESTART, "stopping", "terminate"),
            (3, KILL, "stopping", "kill"),
            (4, KILLED, "stopped", "nothing"),
        ],
    ),
    "a killed bot stays down": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (2, KILL, "stopping", "kill"),
            (3, KILLED, "stopped", "nothing"),
        ],
    ),
    "a stop of a stopped bot changes nothing": (ALWAYS, [(0, STOP, "stopped", "nothing")]),
    "a stop of a bot that just crashed takes": (
        NEVER,
        [(0, START, "starting", "spawn"), (2, CRASH, "exited", "nothing"), (3, STOP, "stopped", "nothing")],
    ),
    "what cannot run is failed, and an operator may try again": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (0, CannotStart(reason="there is no command 'x'"), "failed", "nothing"),
            (99, Due(), "failed", "nothing"),
            (100, RESTART, "starting", "spawn"),
        ],
    ),
    "a stop that crosses with a failing start leaves it stopped": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (0, STOP, "stopping", "terminate"),
            (0, CannotStart(reason="no"), "stopped", "nothing"),
        ],
    ),
    "a restart that finds the command gone is failed": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, RESTART, "stopping", "terminate"),
            (3, TERMED, "starting", "spawn"),
            (3, CannotStart(reason="no"), "failed", "nothing"),
        ],
    ),
    "a start that the system refuses is tried again": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (0, Ended(lived_s=0, trouble="no process to be had"), "starting", "spawn"),
            (0, Ended(lived_s=0, trouble="no process to be had"), "backoff", "nothing"),
            (1, Due(), "starting", "spawn"),
        ],
    ),
    "the runner ends and takes its bot along": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, Leaving(), "stopping", "terminate"),
            (12, Due(), "stopping", "kill"),
            (13, KILLED, "stopped", "nothing"),
        ],
    ),
    "the runner ends during backoff": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (4.5, Leaving(), "stopped", "nothing"),
            (9, Due(), "stopped", "nothing"),
        ],
    ),
    "the runner ends during a restart": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, RESTART, "stopping", "terminate"),
            (3, Leaving(), "stopping", "nothing"),
            (4, TERMED, "stopped", "nothing"),
        ],
    ),
    "a deaf bot is shown as unhealthy, then restarted, and that counts as a crash": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (90, DEAF, "unhealthy", "nothing"),
            (90, Due(), "stopping", "terminate"),
            (100, Due(), "stopping", "kill"),
            (100, Ended(lived_s=100, signal="SIGKILL"), "starting", "spawn"),
            (101, Due(), "running", "nothing"),
            (110, DEAF, "unhealthy", "nothing"),
            (170, Due(), "stopping", "terminate"),
            (171, Ended(lived_s=11, exit_code=0), "backoff", "nothing"),
        ],
    ),
    "a deaf bot whose restart did not help is given more and more time": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (120, DEAF, "unhealthy", "nothing"),
            (120, Due(), "stopping", "terminate"),
            (121, Ended(lived_s=121, exit_code=0), "starting", "spawn"),
            (122, Due(), "running", "nothing"),
            (242, DEAF, "unhealthy", "nothing"),
            (301.9, Due(), "unhealthy", "nothing"),
            (302, Due(), "stopping", "terminate"),
            (303, Ended(lived_s=182, exit_code=0), "starting", "spawn"),
            (304, Due(), "running", "nothing"),
            (424, DEAF, "unhealthy", "nothing"),
            (543.9, Due(), "unhealthy", "nothing"),
            (544, Due(), "stopping", "terminate"),
        ],
    ),
    "a deaf bot that hears again in time is left alone": (
        ONLY_SHOWN,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (90, DEAF, "unhealthy", "nothing"),
            (99, Due(), "unhealthy", "nothing"),
            (100, Hears(), "running", "nothing"),
        ],
    ),
    "a deaf bot that is never restarted is only shown": (
        NEVER,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (90, DEAF, "unhealthy", "nothing"),
            (90, Due(), "unhealthy", "nothing"),
        ],
    ),
    "a deaf bot whose budget is spent is not ended": (
        Policy(start_budget=1),
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (90, DEAF, "unhealthy", "nothing"),
            (90, Due(), "unhealthy", "nothing"),
            (149, Due(), "unhealthy", "nothing"),
            (200, Hears(), "running", "nothing"),
            (88_000, DEAF, "unhealthy", "nothing"),
            (88_000, Due(), "stopping", "terminate"),
        ],
    ),
    "a bot that has to say that it is ready is waited for": (
        SAYS_READY,
        [(0, START, "starting", "spawn"), (29.9, Due(), "starting", "nothing"), (29.95, Ready(), "running", "nothing")],
    ),
    "a bot that is not ready in time is ended and counts as crashed": (
        SAYS_READY,
        [
            (0, START, "starting", "spawn"),
            (30, Due(), "stopping", "terminate"),
            (31, Ended(lived_s=31, signal="SIGTERM"), "starting", "spawn"),
            (61, Due(), "stopping", "terminate"),
            (62, Ended(lived_s=31, signal="SIGTERM"), "backoff", "nothing"),
        ],
    ),
    "a scheduled restart is no crash": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (3, Due(), "running", "nothing"),
            (9, Scheduled(), "stopping", "terminate"),
            (10, TERMED, "starting", "spawn"),
            (12, CRASH, "starting", "spawn"),
        ],
    ),
    "a scheduled restart leaves a stopped bot stopped": (ALWAYS, [(9, Scheduled(), "stopped", "nothing")]),
    "a scheduled restart that would spend the budget does not happen": (
        Policy(start_budget=1),
        [(0, START, "starting", "spawn"), (1, Due(), "running", "nothing"), (9, Scheduled(), "running", "nothing")],
    ),
    "a bot above its memory ceiling is restarted, and that counts as a crash": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (1, Due(), "running", "nothing"),
            (5, TooBig(reason="used 900 MB"), "stopping", "terminate"),
            (6, Ended(lived_s=6, exit_code=0), "starting", "spawn"),
            (8, TooBig(reason="used 900 MB"), "stopping", "terminate"),
            (9, Ended(lived_s=3, exit_code=0), "backoff", "nothing"),
        ],
    ),
    "three crashes in a row and no more": (
        Policy(max_crashes=3),
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (5, Due(), "starting", "spawn"),
            (7, CRASH, "failed", "nothing"),
            (99, Due(), "failed", "nothing"),
            (100, START, "starting", "spawn"),
            (102, CRASH, "starting", "spawn"),
        ],
    ),
    "a spent budget leaves it failed, and an operator starts it all the same": (
        Policy(start_budget=2),
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "failed", "nothing"),
            (50, START, "starting", "spawn"),
            (52, CRASH, "failed", "nothing"),
        ],
    ),
    "a budget is whole again after a day": (
        Policy(start_budget=2),
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (87_400, Ended(lived_s=87_398, exit_code=1), "starting", "spawn"),
        ],
    ),
    "a changed definition restarts what runs and tries again what failed": (
        ALWAYS,
        [
            (0, Redefined(), "stopped", "nothing"),
            (1, Configured(), "starting", "spawn"),
            (1, CannotStart(reason="there is no command 'x'"), "failed", "nothing"),
            (9, Redefined(), "starting", "spawn"),
            (10, Due(), "running", "nothing"),
            (19, Redefined(), "stopping", "terminate"),
            (20, TERMED, "starting", "spawn"),
            (30, Removed(), "stopping", "terminate"),
            (31, TERMED, "stopped", "nothing"),
        ],
    ),
    "a bot that is not wanted is not started by its new definition": (
        ALWAYS,
        [
            (0, START, "starting", "spawn"),
            (0, CannotStart(reason="no"), "failed", "nothing"),
            (1, STOP, "stopped", "nothing"),
            (2, Redefined(), "stopped", "nothing"),
        ],
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_life(name: str) -> None:
    policy, rows = LIVES[name]

    live(rows, policy)


def test_a_bot_that_dies_every_seventy_seconds_is_in_a_crash_loop_and_is_tried_more_slowly() -> None:
    life, now, delays = live([(0, START, "starting", "spawn")]), 0.0, list[float]()

    for _ in range(30):
        now += 70
        life, order = step(life, Ended(lived_s=70, exit_code=1), now, ALWAYS)
        delays.append(0.0 if life.due_at is None or order is Order.SPAWN else life.due_at - now)
        if order is not Order.SPAWN:
            now = life.due_at or now
            life, order = step(life, Due(), now, ALWAYS)
            assert order is Order.SPAWN

    assert delays[:4] == [0.0] * 4
    assert all(delay >= 8 for delay in delays[4:])
    assert life.history.crash_loop(now)


def test_a_crash_loop_after_days_of_health_is_noticed_and_one_that_is_over_is_over() -> None:
    life = live([(0, START, "starting", "spawn"), (1, Due(), "running", "nothing")])
    now = 900_000.0
    life, _ = step(life, Ended(lived_s=now, exit_code=1), now, ALWAYS)
    for _ in range(4):
        now += 80
        life, _ = step(replace(life, state=State.RUNNING), Ended(lived_s=2, exit_code=1), now, ALWAYS)

    ends_at = life.history.loop_ends_at(now)

    assert life.history.crash_loop(now)
    assert ends_at == 900_600.0
    assert not life.history.crash_loop(ends_at)


def test_what_ended_a_run_is_recorded_with_its_cause_and_whose_order_it_was() -> None:
    running = live([(0, START, "starting", "spawn"), (1, Due(), "running", "nothing")])
    cases: list[tuple[list[Happening], Cause, str, bool]] = [
        ([], Cause.SIGNAL, "", False),
        ([STOP], Cause.OPERATOR, "ann", False),
        ([RESTART, Due()], Cause.OPERATOR, "ann", True),
        ([KILL], Cause.OPERATOR, "ann", False),
        ([DEAF, Due()], Cause.UNHEALTHY, "", False),
        ([DEAF, Due(), Due()], Cause.UNHEALTHY, "", True),
        ([TooBig(reason="big")], Cause.MEMORY, "", False),
        ([Scheduled()], Cause.SCHEDULE, "", False),
        ([Redefined()], Cause.CONFIGURATION, "", False),
        ([Removed()], Cause.CONFIGURATION, "", False),
        ([Leaving()], Cause.RUNNER, "", False),
        ([Scheduled(), STOP], Cause.OPERATOR, "ann", False),
    ]
    for happenings, cause, operator, timed_out in cases:
        life, now = running, 100.0
        for happening in happenings:
            life, _ = step(life, happening, now, ALWAYS)
            now += 11

        ending = lifecycle.ending_of(life, KILLED)

        assert (ending.cause, ending.operator, ending.timed_out) == (cause, operator, timed_out), happenings


@pytest.mark.parametrize(
    ("ended", "cause", "words"),
    [
        (CRASH, Cause.EXIT, "exited with code 3"),
        (KILLED, Cause.SIGNAL, "ended by SIGKILL"),
        (replace(KILLED, oom=True), Cause.OOM, "killed by the kernel, which was out of memory"),
        (Ended(lived_s=1), Cause.UNSEEN, "ended, and nobody saw how"),
        (Ended(lived_s=1, host_lost=True), Cause.HOST, "ended when its host went down"),
        (Ended(lived_s=0, trouble="no room"), Cause.CANNOT_START, "did not start: no room"),
    ],
)
def test_an_end_that_nobody_ordered_has_a_cause_and_words(ended: Ended, cause: Cause, words: str) -> None:
    assert (ended.cause, ended.in_words()) == (cause, words)


def test_a_host_that_went_down_is_no_crash_of_its_bots_and_what_was_wanted_is_restored() -> None:
    life = left("running", "running", crashes=4)

    after, order = step(life, Vacant(ended=Ended(lived_s=9, host_lost=True)), 100, NEVER)

    assert order is Order.SPAWN
    assert after.history.crashes_total == 0


def test_a_bot_that_was_given_up_says_why_and_stays_failed_under_a_new_runner() -> None:
    policy = Policy(start_budget=1)
    life = live([(0, START, "starting", "spawn"), (2, CRASH, "failed", "nothing")], policy)

    after, order = step(life, Vacant(), 10, policy)

    assert life.reason == "its start budget is spent: 1 start in 24 h; last end: exited with code 3 after 2.0 s"
    assert (after.state, order) == (State.FAILED, Order.NOTHING)


def test_a_runner_that_is_restarted_does_not_hasten_a_crash_loop() -> None:
    history = History(crashes=6, recent_crashes=(80, 85, 88, 90, 95, 99))
    life = Life(state=State.BACKOFF, wanted=Wanted.RUNNING, history=history)

    after = live([(100, Vacant(), "backoff", "nothing")], life=life)

    assert after.due_at == 116


def test_starts_of_a_day_are_counted_and_older_ones_are_not() -> None:
    history = History()
    for number in range(200):
        history = history.started(number * 600.0)

    assert history.starts_24h(200 * 600.0) in (144, 145, 146)
    assert len(history.starts) < 100
    assert history.starts_24h(900_000) == 0


def test_an_order_that_makes_no_sense_is_refused_in_words() -> None:
    running = live([(0, START, "starting", "spawn"), (1, Due(), "running", "nothing")])
    restarting, _ = step(running, RESTART, 2, ALWAYS)
    leaving, _ = step(running, Leaving(), 2, ALWAYS)

    for life, action, words in (
        (running, START, "already running"),
        (restarting, START, "being restarted already"),
        (Life(), KILL, "it is stopped, so there is no process to kill"),
        (Life(state=State.BACKOFF, wanted=Wanted.RUNNING), KILL, "it is backoff"),
        (leaving, START, "its runner is ending"),
    ):
        with pytest.raises(ActionRefused, match=words):
            step(life, action, 3, ALWAYS)


def test_wanted_is_what_the_operator_asked_for_and_not_what_is() -> None:
    started = live([(0, START, "starting", "spawn")])

    assert started.wanted is Wanted.RUNNING
    assert step(started, CannotStart(reason="no"), 0, ALWAYS)[0].wanted is Wanted.RUNNING
    assert step(started, CLEAN, 1, NEVER)[0].wanted is Wanted.RUNNING
    assert step(started, Leaving(), 1, ALWAYS)[0].wanted is Wanted.RUNNING
    assert step(started, RESTART, 1, ALWAYS)[0].wanted is Wanted.RUNNING
    assert step(started, STOP, 1, ALWAYS)[0].wanted is Wanted.STOPPED
    assert step(started, KILL, 1, ALWAYS)[0].wanted is Wanted.STOPPED


def test_restarts_count_crashes_and_begin_anew_with_an_operators_start_or_restart() -> None:
    crashed = live(
        [
            (0, START, "starting", "spawn"),
            (2, CRASH, "starting", "spawn"),
            (4, CRASH, "backoff", "nothing"),
            (5, Due(), "starting", "spawn"),
            (6, Due(), "running", "nothing"),
        ]
    )
    restarted = live([(7, RESTART, "stopping", "terminate"), (8, TERMED, "starting", "spawn")], life=crashed)

    assert (crashed.history.restarts, crashed.history.crashes) == (2, 2)
    assert (restarted.history.restarts, restarted.history.crashes) == (0, 0)
    assert (restarted.history.crashes_total, restarted.history.operator_restarts) == (2, 1)


def test_restarts_go_on_counting_after_days_of_health() -> None:
    life = Life(state=State.RUNNING, wanted=Wanted.RUNNING, history=History(restarts=7, crashes=3))

    life, _ = step(life, Ended(lived_s=HEALTHY_AFTER_S, exit_code=1), 9, ALWAYS)

    assert (life.history.restarts, life.history.crashes) == (8, 1)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(0, START, "starting", "spawn"), (1, Due(), "running", "nothing")], ""),
        ([(0, START, "starting", "spawn"), (2, CRASH, "starting", "spawn")], "exited with code 3 after 2.0 s"),
        ([(0, START, "starting", "spawn"), (2, STOP, "stopping", "terminate")], "stopped by ann"),
        ([(0, START, "starting", "spawn"), (2, RESTART, "stopping", "terminate")], "restarted by ann"),
        ([(0, START, "starting", "spawn"), (2, KILL, "stopping", "kill")], "killed by ann"),
        ([(0, START, "starting", "spawn"), (2, Leaving(), "stopping", "terminate")], "stopped with its runner"),
        (
            [(0, START, "starting", "spawn"), (2, STOP, "stopping", "terminate"), (12, Due(), "stopping", "kill")],
            "stopped by ann; killed, for it did not end within 10 s",
        ),
        (
            [
                (0, START, "starting", "spawn"),
                (2, STOP, "stopping", "terminate"),
                (3, BEN_STARTS, "stopping", "nothing"),
            ],
            "stopped by ann, then started again by ben",
        ),
    ],
)
def test_the_reason_is_in_words(rows: list[Row], reason: str) -> None:
    assert live(rows).reason == reason


def test_a_run_that_was_asked_to_end_ended_for_that_reason_and_others_for_their_own() -> None:
    stopping = Life(state=State.STOPPING, reason="stopped by ann")
    running = Life(state=State.RUNNING, reason="")

    assert lifecycle.end_in_words(stopping, Ended(lived_s=1, exit_code=0)) == "stopped by ann"
    assert lifecycle.end_in_words(running, CRASH) == "exited with code 3"
    assert lifecycle.end_in_words(running, KILLED) == "ended by SIGKILL"
    assert lifecycle.end_in_words(running, Ended(lived_s=1)) == "ended, and nobody saw how"
    assert lifecycle.end_in_words(running, Ended(lived_s=0, trouble="no room")) == "did not start: no room"


def left(state: str, wanted: str, *, crashes: int = 0) -> Life:
    """What the journal keeps of a life."""
    return Life(state=State(state), wanted=Wanted(wanted), history=History(crashes=crashes))


SAYS_WHEN_READY = Policy(ready_after_s=None)
ADOPTIONS: list[tuple[str, Life, Happening, Policy, str, str]] = [
    ("takes over what runs", left("running", "running"), Adopted(lived_s=9), ALWAYS, "running", "nothing"),
    ("waits for readiness", left("starting", "running"), Adopted(lived_s=0.2), ALWAYS, "starting", "nothing"),
    (
        "reads what it said before it judges",
        left("starting", "running"),
        Adopted(lived_s=99),
        SAYS_WHEN_READY,
        "starting",
        "nothing",
    ),
    ("finishes a stop", left("stopping", "stopped"), Adopted(lived_s=9), ALWAYS, "stopping", "terminate"),
    ("finishes a restart", left("stopping", "running"), Adopted(lived_s=9), ALWAYS, "stopping", "terminate"),
    ("stops what nobody wants", left("running", "stopped"), Adopted(lived_s=9), ALWAYS, "stopping", "terminate"),
    ("starts a new bot", left("stopped", "running"), Vacant(), NEVER, "starting", "spawn"),
    ("leaves a stopped bot", left("stopped", "stopped"), Vacant(), ALWAYS, "stopped", "nothing"),
    ("leaves an exited bot", left("exited", "running"), Vacant(), ON_FAILURE, "exited", "nothing"),
    ("tries a failed bot again", left("failed", "running"), Vacant(), NEVER, "starting", "spawn"),
    ("goes on after backoff", left("backoff", "running", crashes=4), Vacant(), ALWAYS, "starting", "spawn"),
    ("starts what was about to", left("starting", "running"), Vacant(), NEVER, "starting", "spawn"),
    ("sees a crash", left("running", "running"), Vacant(ended=CRASH), ALWAYS, "starting", "spawn"),
    ("sees a fifth crash", left("running", "running", crashes=4), Vacant(ended=CRASH), ALWAYS, "backoff", "nothing"),
    ("sees an end for good", left("running", "running"), Vacant(ended=CLEAN), NEVER, "exited", "nothing"),
    ("sees a stop done", left("stopping", "stopped"), Vacant(ended=TERMED), ALWAYS, "stopped", "nothing"),
    ("does a restart's second half", left("stopping", "running"), Vacant(ended=TERMED), NEVER, "starting", "spawn"),
]


@pytest.mark.parametrize(
    ("name", "life", "happening", "policy", "state", "order"), ADOPTIONS, ids=[r[0] for r in ADOPTIONS]
)
def test_a_new_runner(name: str, life: Life, happening: Happening, policy: Policy, state: str, order: str) -> None:
    after = live([(100, happening, state, order)], policy, life)

    assert after.wanted is life.wanted


def test_a_bot_taken_over_in_a_restart_is_started_when_it_is_gone_and_has_new_patience() -> None:
    restarting = Life(state=State.STOPPING, wanted=Wanted.RUNNING, reason="restarted by ann")

    life = live(
        [(100, Adopted(lived_s=9), "stopping", "terminate"), (109.9, Due(), "stopping", "nothing")], life=restarting
    )

    assert life.reason == "restarted by ann"
    live([(110, Due(), "stopping", "kill"), (111, KILLED, "starting", "spawn")], life=life)


@pytest.mark.parametrize(
    "rows", [[(2, KILL, "stopping", "kill")], [(2, STOP, "stopping", "terminate"), (12, Due(), "stopping", "kill")]]
)
def test_a_kill_that_the_last_runner_may_not_have_come_to_is_a_kill_for_the_next(rows: list[Row]) -> None:
    life = live([(0, START, "starting", "spawn"), *rows])

    after = live([(20, Adopted(lived_s=20), "stopping", "kill")], life=replace(life, due_at=None))

    assert after.reason == life.reason


def test_a_runner_killed_while_it_starts_a_bot_again_forgets_no_crash() -> None:
    life = left("starting", "running", crashes=3)

    after = live([(100, Vacant(), "starting", "spawn")], Policy(max_crashes=4), life)

    assert after.history.crashes == 3


def test_a_bot_that_left_with_its_runner_is_started_by_the_next_under_any_policy() -> None:
    left = live(
        [(0, START, "starting", "spawn"), (2, Leaving(), "stopping", "terminate"), (3, TERMED, "stopped", "nothing")]
    )
    kept_by_journal = Life(state=left.state, wanted=left.wanted, reason=left.reason)

    live([(50, Vacant(), "starting", "spawn")], NEVER, kept_by_journal)


@pytest.mark.parametrize(
    ("crashes", "expected"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 32), (8, 60), (9, 60), (10_000, 60)]
)
def test_delays_double_up_to_a_minute_give_or_take_a_fifth(crashes: int, expected: float) -> None:
    assert delay_s(crashes, 0.5) == expected
    assert delay_s(crashes, 0.0) == pytest.approx(0.8 * expected)
    assert delay_s(crashes, 1.0) == pytest.approx(1.2 * expected)


def test_no_sequence_of_happenings_loses_a_process_or_starts_a_second() -> None:
    """Every sequence of five: a process is spawned only when none lives, and ended only when one does."""
    happenings: list[Happening] = [
        START,
        STOP,
        RESTART,
        KILL,
        Leaving(),
        Due(),
        Ready(),
        CRASH,
        CannotStart(reason="no"),
    ]
    ours = [Deaf(reason="deaf"), Hears(), TooBig(reason="big"), Scheduled(), Redefined(), Removed(), Configured()]
    _explore(Life(), ALWAYS, alive=False, now=0.0, depth=5, happenings=happenings)
    _explore(Life(), FRUGAL, alive=False, now=0.0, depth=4, happenings=happenings + ours)


def _explore(life: Life, policy: Policy, *, alive: bool, now: float, depth: int, happenings: list[Happening]) -> None:
    assert alive == (life.state in lifecycle.ALIVE), life
    if depth == 0:
        return
    for happening in happenings:
        if isinstance(happening, Ended | CannotStart) and not alive:
            continue
        try:
            after, order = step(life, happening, now, policy)
        except ActionRefused:
            continue
        lives = alive and not isinstance(happening, Ended | CannotStart)
        assert order is not Order.SPAWN or not lives
        assert order not in (Order.TERMINATE, Order.KILL) or lives
        _explore(
            after, policy, alive=lives or order is Order.SPAWN, now=now + 11, depth=depth - 1, happenings=happenings
        )
