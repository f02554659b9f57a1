"""A small go of `make bench-survival`: deck, runner and bots are killed at random moments."""

import pytest
from bench.deaths import kills

pytestmark = pytest.mark.process


@pytest.mark.timeout(400)
def test_twenty_kills_lose_nothing_double_nothing_and_start_nobody_twice() -> None:
    outcome = kills.run(kills.Plan(kills=20, bots=6, rate=600, seed=20261124))

    assert outcome.faults == []
    assert outcome.killed.total() == 20
    assert outcome.balance.events > 0
    assert outcome.balance.lines > 0
