"""`botdeck import`: bots of another process manager become tables of botdeck.toml."""

import os
import stat
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from botdeck.cli.ground import Config, complain, err, fail, out
from botdeck.cli.importers.destination import Destination
from botdeck.cli.importers.draft import Draft, Imported, ImportRefused
from botdeck.cli.importers.recognise import read
from botdeck.data_dir import lock_holder
from botdeck.errors import BotdeckError, ConfigError
from botdeck.settings import CONFIG_NAME, Settings, find_config


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="PM2's ecosystem.config.js or .json, or what `pm2 jlist` prints; supervisord.conf; Procfile; a "
            ".service of systemd.",
        ),
    ],
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be added, and write nothing.")] = False,
) -> None:
    """Take over bots from another process manager: append them to botdeck.toml. None starts before you say so."""
    destination = Destination(nearest_or_new(config))
    try:
        imported = [read(file) for file in files]
        drafts = [draft for one in imported for draft in one.bots]
        for draft in drafts:
            draft.settings["autostart"] = False
        clashes = destination.clashes(drafts)
        if dry_run:
            print(destination.text(drafts), end="")
            _say_notes(imported)
        _refuse(clashes)
        settings = None if dry_run else destination.append(drafts, mode=_mode(files))
    except ConfigError as error:
        fail(error, code=2)
    except (BotdeckError, OSError) as error:
        fail(error if isinstance(error, BotdeckError) else ImportRefused(f"Nothing was written: {error}."))
    if settings is None:
        return
    out.print(Text(destination.text(drafts, hide_env=True)), soft_wrap=True)
    _say_notes(imported)
    _say_readable(destination.path, drafts, files)
    _say_what_next(settings, destination.path, imported, drafts)


def _refuse(clashes: list[str]) -> None:
    if clashes:
        raise ImportRefused(
            f"{'; '.join(clashes)}. Nothing was written. Give one of the two another name where it stands, or let "
            "--dry-run print the tables and paste those you want."
        )


def nearest_or_new(config: Path | None) -> Path:
    """The nearest botdeck.toml, or else a new one here."""
    try:
        return config or find_config(Path.cwd())
    except ConfigError:
        return Path.cwd() / CONFIG_NAME


def _mode(files: list[Path]) -> int:
    """A new botdeck.toml is open to nobody who could not read what it was made from: it has their secrets."""
    umask = os.umask(0o077)
    os.umask(umask)
    mode = 0o666 & ~umask
    for file in files:
        if file.is_file():
            mode &= stat.S_IMODE(file.stat().st_mode)
    return mode | 0o600


def _say_readable(path: Path, drafts: list[Draft], files: list[Path]) -> None:
    more = stat.S_IMODE(path.stat().st_mode) & 0o077 & ~_mode(files)
    if more and any("env" in draft.settings for draft in drafts):
        complain(
            f"{path} can be read by more people than what was imported, and now has its variables: chmod 600 {path}"
        )


def _say_notes(imported: list[Imported]) -> None:
    notes = [note for one in imported for note in one.all_notes()]
    if notes:
        err.print(f"\nNot as it was ({len(notes)}):")
    for note in notes:
        err.print(Text(f"  {str(note).rstrip('.')}."), soft_wrap=True)


def _say_what_next(settings: Settings, path: Path, imported: list[Imported], drafts: list[Draft]) -> None:
    names = " ".join(draft.name for draft in drafts)
    runs = lock_holder(settings.data_dir / "runner" / "lock") is not None
    goodbyes = list(dict.fromkeys(one.goodbye for one in imported))
    added = f"{len(drafts)} {'bot was' if len(drafts) == 1 else 'bots were'} added to {path}."
    lines = [
        f"\n{added} Nothing starts yet (autostart = false), for there must never be two copies of a bot. Next:",
        *(f"  {number}. End the old: {goodbye}." for number, goodbye in enumerate(goodbyes, 1)),
        f"  {len(goodbyes) + 1}. botdeck {'reload' if runs else 'up -d'}",
        f"  {len(goodbyes) + 2}. botdeck start {names}",
        "After that they start whenever Botdeck does, until you stop them.",
    ]
    for line in lines:
        out.print(Text(line), soft_wrap=True)
