"""The runs of a bot that wait for a deck."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest

from botdeck.models import PostMortem, Run
from botdeck.runner import kept_runs
from botdeck.runner.deck_link import DeckLink
from botdeck.runner.kept_runs import KeptRuns
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.tail import Tail

NOW = datetime(2026, 11, 22, 20, 15, 3, tzinfo=UTC)


def test_of_many_runs_that_wait_for_a_deck_the_last_ones_keep_what_they_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_runs, "MOST_POST_MORTEMS", 2)
    kept = KeptRuns("b", tmp_path, Tail(lambda _: None), DeckLink("host", Mock(), Mock()))

    for number in range(4):
        run = RunDirectory.create(tmp_path, Run(id=f"20261122T201503-00000{number}", bot="b", started_at=NOW), None)
        kept.add(run)
        left = PostMortem(last_output=[f"last words {number}"])
        run.ended(replace(run.run, ended_at=NOW, reason="exited with code 3", post_mortem=left))
        kept.ended(run)

    again = KeptRuns("b", tmp_path, Tail(lambda _: None), DeckLink("host", Mock(), Mock()))
    again.open_all()
    for runs in (kept, again):
        found = [run.run.post_mortem for run in runs.newest_first()]
        assert [left and left.last_output for left in found] == [["last words 3"], ["last words 2"], None, None]
        assert all(run.run.reason == "exited with code 3" for run in runs.newest_first())
