"""A bot does and prints the same with Botdeck and without, and one line in its file tells the same as none."""

from collections import Counter

import pytest

from .stage import DEADLINE_S
from .stages import STAGES
from .story import Mode, played

pytestmark = [pytest.mark.process, pytest.mark.timeout(10 * DEADLINE_S)]


@pytest.mark.parametrize("name", [stage.name for stage in STAGES])
def test_people_and_output_cannot_tell_whether_botdeck_is_there(name: str) -> None:
    without, autoloaded = played(name, Mode.WITHOUT), played(name, Mode.AUTOLOAD)

    assert autoloaded.heard == without.heard
    outputs = [run.output.splitlines() for run in (autoloaded, without)]
    if not autoloaded.stage.prints_in_order:
        outputs = [sorted(lines) for lines in outputs]
    assert outputs[0] == outputs[1]
    assert not without.events
    assert autoloaded.events


@pytest.mark.parametrize("name", [stage.name for stage in STAGES if stage.one_line])
def test_one_line_tells_the_same_as_none(name: str) -> None:
    one_line, autoloaded = played(name, Mode.ONE_LINE), played(name, Mode.AUTOLOAD)

    # How many beats there are before it is connected depends on when we met the bot.
    told = [Counter(each["event"] for each in run.events) for run in (one_line, autoloaded)]
    assert [counts.pop("heartbeat") > 0 for counts in told] == [True, True]
    assert told[0] == told[1]
    assert one_line.heard == autoloaded.heard
