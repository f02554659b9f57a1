"""The copy of the SDK that the runner lays out."""

import os
import stat
from pathlib import Path

import botdeck
from botdeck.sdk.install import copy_sdk


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}


def test_the_copy_is_readable_by_every_user_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        copy_sdk(tmp_path / "sdk")
    finally:
        os.umask(before)

    for name, mode in modes(tmp_path / "sdk").items():
        assert mode == (0o644 if name.endswith((".py", ".cjs")) else 0o755), name


def test_the_copy_holds_what_bots_load_and_nothing_of_deck_or_runner(tmp_path: Path) -> None:
    autoload = copy_sdk(tmp_path)

    root = autoload.parents[2]
    assert (autoload / "sitecustomize.py").is_file()
    assert sorted(path.name for path in (root / "botdeck").iterdir()) == ["__init__.py", "integrations", "sdk"]
    assert (root / "botdeck/__init__.py").read_bytes() == Path(botdeck.__file__).read_bytes()


def test_copying_again_changes_nothing_for_bots_that_run(tmp_path: Path) -> None:
    first = copy_sdk(tmp_path)
    inode = first.stat().st_ino

    assert copy_sdk(tmp_path) == first

    assert first.stat().st_ino == inode
    assert [path.name for path in tmp_path.iterdir()] == [first.parents[2].name]


def test_leftovers_of_a_copy_that_was_interrupted_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".new-abc" / "botdeck").mkdir(parents=True)

    assert (copy_sdk(tmp_path) / "sitecustomize.py").is_file()
