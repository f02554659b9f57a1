"""A small go of `make bench-cuts`: pages are cut in every manner while everything changes."""

import pytest
from bench.cut import trial

pytestmark = pytest.mark.process


@pytest.mark.timeout(300)
def test_two_hundred_cuts_leave_every_page_with_the_truth_and_no_untold_gap() -> None:
    outcome = trial.run(trial.Plan(cuts=200, pages=15, seed=20261125))

    assert outcome.faults == []
    assert outcome.cuts.total() == 200
    assert outcome.counts["resumed"] > 0
    assert outcome.counts["gaps_told"] > 0
    assert outcome.counts["lines_told_missing"] == outcome.counts["lines_counted_missing"]
