"""What the documentation says is so."""

import re
import tomllib
from pathlib import Path

import pytest

from botdeck import settings
from botdeck.models import State

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_every_setting_is_in_the_settings_page_and_no_other() -> None:
    sections = re.split(r"^## ", (ROOT / "docs/settings.md").read_text(), flags=re.M)

    keys = [set(re.findall(r"^\| `(\w+)` \|", section, flags=re.M)) for section in sections]

    assert keys == [{"data_dir"}, set(settings._DECK_KEYS), set(settings._RUNNER_KEYS), set(settings._BOT_KEYS)]


def test_the_example_in_the_settings_page_can_be_loaded(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/settings.md").read_text(), flags=re.S)
    path = tmp_path / "botdeck.toml"
    path.write_text(example)

    loaded = settings.load_settings(path)

    assert [bot.name for bot in loaded.bots] == list(tomllib.loads(example)["bots"])


def test_every_state_is_explained() -> None:
    text = (ROOT / "docs/concepts.md").read_text()

    assert set(re.findall(r"^\| (\w+) \|", text.partition("## States")[2].partition("##")[0], flags=re.M)) >= set(State)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []
