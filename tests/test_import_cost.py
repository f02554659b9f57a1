"""`import botdeck` costs a bot next to nothing: only the standard library, and only a little of that."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
HEAVY = {"asyncio", "inspect", "json", "logging", "typing", "dataclasses", "importlib.metadata", "traceback", "socket"}


def loaded_by(code: str, **env: str) -> set[str]:
    """Modules that the code loads into a Python without site-packages."""
    program = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); before = set(sys.modules)\n{code}\n"
        "after = set(sys.modules) - before\nimport json\nprint(json.dumps(sorted(after)))"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BOTDECK_", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env={**clean, **env}, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "code",
    [
        "import botdeck",
        "import botdeck; botdeck.emit('x'); botdeck.instrument(object()); botdeck.flush(1)",
        "import botdeck; botdeck.BotdeckHandler(); botdeck.command('x')(print)",
    ],
)
def test_only_the_standard_library_is_loaded(code: str) -> None:
    modules = loaded_by(code)

    foreign = {name for name in modules if name.partition(".")[0] not in {*sys.stdlib_module_names, "botdeck"}}
    assert not foreign
    own = {name for name in modules if name.startswith("botdeck.")}
    assert {name for name in own if not name.startswith(("botdeck.sdk", "botdeck.integrations"))} == set()


def test_the_import_leaves_the_heavy_parts_of_the_standard_library_for_later() -> None:
    assert not loaded_by("import botdeck; botdeck.emit('x')") & HEAVY


def test_the_import_opens_no_file_and_starts_no_thread(tmp_path: Path) -> None:
    events = tmp_path / "events"

    loaded_by("import botdeck, threading; assert threading.active_count() == 1", BOTDECK_EVENTS=str(events))

    assert not events.exists()
