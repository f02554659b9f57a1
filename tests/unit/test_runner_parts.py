"""The runner's small parts: journal, run ids and directories, environments, addresses, locks."""

import errno
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from botdeck.lifecycle import CannotStart, Ended, Life
from botdeck.models import PostMortem, Run, State, Wanted
from botdeck.runner import endings, launch, process
from botdeck.runner.deck_address import NoDeck, find_deck
from botdeck.runner.environment import CannotRun, bot_environment, in_words, system_user
from botdeck.runner.journal import Entry, Journal
from botdeck.runner.main import instance_of
from botdeck.runner.run_dir import RunDirectory, new_run_id, run_started_at
from botdeck.runner.spawner import Request
from botdeck.runner.whole_file import WholeFile
from botdeck.settings import BotSettings

NOW = datetime(2026, 11, 22, 20, 15, 3, tzinfo=UTC)


def entry(**changes: Any) -> Entry:
    return Entry(**{"wanted": Wanted.RUNNING, "state": State.RUNNING, "since": NOW, "run": "r", **changes})


def test_a_journal_is_what_was_written_last(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    journal = Journal(path)
    journal["a"] = entry(crashes=3, restarts=9, reason="exited with code 1")
    journal["b"] = entry(wanted=Wanted.STOPPED, state=State.STOPPED)
    journal["c"] = entry()
    del journal["c"]

    again = Journal(path)

    assert again["a"] == entry(crashes=3, restarts=9, reason="exited with code 1")
    assert again["b"] == entry(wanted=Wanted.STOPPED, state=State.STOPPED)
    assert again["c"] is None
    assert again.bots() == ["a", "b"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["journal.json", "journal.json.1"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"bots": {}}', '{"version": 2, "bots": {}}', '{"version": "1"}'])
def test_a_journal_that_cannot_be_used_is_put_aside(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal.json"
    path.write_text(text)

    journal = Journal(path)

    assert journal.bots() == []
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith("journal.json.")
    assert aside.read_text() == text


def test_a_journal_cut_in_half_loses_nothing_but_the_last_change(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    journal = Journal(path)
    for bot in ("a", "b", "c"):
        journal[bot] = entry()
    journal["a"] = entry(restarts=1)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])

    again = Journal(path)

    assert [(bot, again[bot]) for bot in again.bots()] == [("a", entry()), ("b", entry()), ("c", entry())]
    assert again.damage is not None
    assert again.damage.aside is not None
    assert again.damage.aside.read_text() == text[: len(text) // 2]
    assert "the version before it is used" in again.damage.sentence
    assert again.damage.aside.name in again.damage.sentence


def test_a_journal_that_is_damaged_again_and_again_still_has_a_good_version_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    journal = Journal(path)
    journal["a"] = entry()
    journal["b"] = entry()
    path.write_text("{")
    journal["b"] = entry(restarts=1)  # takes the place of the damaged one, which is not kept
    path.write_text("")

    again = Journal(path)
    again["c"] = entry()
    path.write_text("")
    third = Journal(path)

    assert again.bots() == ["a", "c"]
    assert third.bots() == ["a"]


def test_a_journal_that_is_missing_is_replaced_by_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    journal = Journal(path)
    journal["a"] = entry()
    journal["b"] = entry()
    path.unlink()

    again = Journal(path)

    assert again.bots() == ["a"]
    assert again.damage is not None
    assert "is missing" in again.damage.sentence


def test_a_journal_of_a_newer_version_gives_way_to_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    journal = Journal(path)
    journal["a"] = entry()
    journal["b"] = entry()
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))

    again = Journal(path)

    assert again.bots() == ["a"]
    assert again.damage is not None
    assert "it is of version 99" in again.damage.sentence


def test_one_damaged_entry_does_not_cost_the_others(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    Journal(path)["good"] = entry()
    document = json.loads(path.read_text())
    document["bots"]["bad"] = {"wanted": "everything"}
    path.write_text(json.dumps(document))

    assert Journal(path).bots() == ["good"]


def test_a_journal_that_cannot_be_written_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "journal.json"
    journal = Journal(path)
    journal["a"] = entry()
    in_the_way = tmp_path / "journal.json.tmp"
    in_the_way.mkdir()

    stopped = entry(wanted=Wanted.STOPPED, state=State.STOPPED)
    journal["a"] = stopped
    journal["a"] = stopped
    behind = Journal(path)["a"]
    in_the_way.rmdir()
    journal["a"] = stopped  # no change, and yet what failed is tried again

    assert behind == entry()
    assert journal["a"] == Journal(path)["a"] == stopped
    assert [record.levelname for record in caplog.records if "cannot be written" in record.message] == ["ERROR"]


def test_a_run_whose_record_cannot_be_written_is_over_all_the_same(tmp_path: Path) -> None:
    made = RunDirectory.create(tmp_path, Run(id=new_run_id(NOW, None), bot="b", started_at=NOW), None)
    in_the_way = made.path / "run.json.tmp"
    in_the_way.mkdir()

    made.ended(replace(made.run, ended_at=NOW, exit_code=0, reason="exited with code 0"))
    behind = RunDirectory.open(made.path, "b")
    in_the_way.rmdir()
    made.write_again()
    after = RunDirectory.open(made.path, "b")

    assert made.over
    assert behind is not None
    assert not behind.over
    assert after is not None
    assert after.run == made.run


def test_a_run_directory_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WholeFile, "write_now", no_room)

    with pytest.raises(OSError, match="No space"):
        RunDirectory.create(tmp_path, Run(id=new_run_id(NOW, None), bot="b", started_at=NOW), None)

    assert list(tmp_path.iterdir()) == []


def test_run_ids_sort_by_time_even_when_the_clock_is_set_back() -> None:
    ids = [new_run_id(NOW, None)]
    for minutes in (0, 0, 1, -60, -60, 5):
        ids.append(new_run_id(NOW + timedelta(minutes=minutes), ids[-1]))

    assert ids == sorted(set(ids))
    assert all(len(run_id) == 22 for run_id in ids)
    assert run_started_at(ids[0]) == NOW
    assert run_started_at("lock") is None


@pytest.mark.parametrize("last", ["20261122T201503-ffffff", "20261122T201503-backup", "20261231T235959-ffffff"])
def test_a_run_id_is_later_than_the_last_one_of_its_second(last: str) -> None:
    made = new_run_id(NOW, last)

    assert made > last
    assert len(made) == 22
    assert run_started_at(made) is not None


def test_a_run_directory_is_found_again_as_it_was_left(tmp_path: Path) -> None:
    run = Run(id=new_run_id(NOW, None), bot="b", started_at=NOW)
    made = RunDirectory.create(tmp_path, run, None)
    made.begun(pid=7, started_at=NOW)
    made.out.base = 5
    made.ended(replace(made.run, ended_at=NOW, exit_code=3, reason="exited with code 3"))

    found = RunDirectory.open(tmp_path / run.id, "b")

    assert found is not None
    assert found.run == made.run
    assert found.out.base == 5
    assert found.over
    assert not found.done
    made.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_run_directory_without_a_record_is_a_run_of_its_ids_time(tmp_path: Path) -> None:
    (tmp_path / "20261122T201503-000001").mkdir()
    (tmp_path / "20261122T201503-000001" / "run.json").write_text('{"run"')

    found = RunDirectory.open(tmp_path / "20261122T201503-000001", "b")

    assert found is not None
    assert found.run == Run(id="20261122T201503-000001", bot="b", started_at=NOW)


def test_bots_that_start_within_a_second_have_runs_of_different_ids() -> None:
    """What a run leaves behind is killed by its id."""
    ids = [new_run_id(NOW + timedelta(microseconds=20 * number), None) for number in range(10_000)]

    assert len(set(ids)) == 10_000
    assert ids == sorted(ids)


def test_a_run_directory_whose_removal_was_cut_short_is_still_the_run_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = RunDirectory.create(tmp_path, Run(id=new_run_id(NOW, None), bot="b", started_at=NOW), None)
    made.ended(replace(made.run, ended_at=NOW, exit_code=3, reason="exited with code 3"))

    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    made.remove()

    found = RunDirectory.open(made.path, "b")
    assert found is not None
    assert found.run == made.run


def test_a_run_directory_in_which_nothing_had_begun_is_no_run(tmp_path: Path) -> None:
    folder = tmp_path / "20261122T201503-000001"
    folder.mkdir()
    (folder / "out").touch()

    assert RunDirectory.open(folder, "b") is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_run_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "20261122T201503-000001").touch()

    assert RunDirectory.open(tmp_path / "lost+found", "b") is None
    assert RunDirectory.open(tmp_path / "20261122T201503-000001", "b") is None


def test_half_a_note_is_no_note(tmp_path: Path) -> None:
    made = RunDirectory.create(tmp_path, Run(id=new_run_id(NOW, None), bot="b", started_at=NOW), None)

    for text in ("", '{"code": 3, "at"', '{"code": 3, "at": 1.0}', '{"at": 1.0}\n', "nonsense\n"):
        (made.path / "exit").write_text(text)
        assert made.exit() is None
    (made.path / "exit").write_text('{"code": 3, "at": 1.0, "later": "key"}\n')

    assert (note := made.exit()) is not None
    assert note.code == 3


def test_an_end_has_the_time_of_the_note_and_not_of_the_reader(tmp_path: Path) -> None:
    made = RunDirectory.create(tmp_path, Run(id=new_run_id(NOW, None), bot="b", started_at=NOW), None)
    (made.path / "exit").write_text('{"code": -9, "at": 1.0}\n')
    ended = NOW + timedelta(hours=1)
    os.utime(made.path / "exit", (ended.timestamp(), ended.timestamp()))

    endings.finish(made, Life(), None, PostMortem())

    assert (made.run.ended_at, made.run.signal, made.run.exit_code) == (ended, "SIGKILL", None)
    assert made.run.reason == "ended by SIGKILL"


@pytest.mark.parametrize(
    ("number", "passing"),
    [(errno.ETXTBSY, True), (errno.EMFILE, True), (errno.ENOSPC, True), (errno.ENOENT, False), (None, False)],
)
def test_a_program_that_could_not_be_started_may_be_tried_again_when_the_reason_may_pass(
    tmp_path: Path, number: int | None, *, passing: bool
) -> None:
    made = RunDirectory.create(tmp_path, Run(id=new_run_id(NOW, None), bot="b", started_at=NOW), None)
    trouble = {"step": "exec", "errno": number, "words": "the words"}
    (made.path / "exit").write_text(json.dumps({"code": 127, "at": 1.0, "trouble": trouble}) + "\n")

    happening = endings.finish(made, Life(), bot(), PostMortem())

    assert isinstance(happening, Ended if passing else CannotStart)
    assert made.run.reason.startswith("did not start: ")
    assert made.run.exit_code is None


def bot(**changes: Any) -> BotSettings:
    return BotSettings(**{"name": "b", "command": ("true",), "cwd": Path("/"), **changes})


def environment(settings: BotSettings, own: dict[str, str], autoload: Path | None = Path("/sdk")) -> dict[str, str]:
    return bot_environment(settings, own=own, user=None, run="r", events=Path("/e"), autoload=autoload)


OURS = {"BOTDECK_BOT": "b", "BOTDECK_RUN": "r", "BOTDECK_EVENTS": "/e"}


def test_nothing_of_ours_but_three_variables_reaches_a_bot(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("BOTDECK_RUN=forged\nA=file\nB=file\n")
    settings = bot(env={"B": "table", "BOTDECK_BOT": "forged"}, env_file=tmp_path / "env", instrument=False)

    made = environment(settings, {"BOTDECK_TOKEN": "hush", "A": "own", "C": "own"})

    assert made == {"A": "file", "B": "table", "C": "own", **OURS}


def test_the_autoload_folder_goes_before_a_python_path_of_the_bots_own() -> None:
    assert environment(bot(), {})["PYTHONPATH"] == "/sdk"
    assert environment(bot(env={"PYTHONPATH": "/mine"}), {"PYTHONPATH": "/other"})["PYTHONPATH"] == "/sdk:/mine"
    assert "PYTHONPATH" not in environment(bot(instrument=False), {})
    assert "PYTHONPATH" not in environment(bot(), {}, autoload=None)


def test_node_loads_our_file_after_what_the_bot_has_it_load(tmp_path: Path) -> None:
    folder = tmp_path / 'a "fine" \\ place'
    autoload, preload = folder / "autoload", folder / "node/botdeck.cjs"
    assert "NODE_OPTIONS" not in environment(bot(), {}, autoload)  # Node would not start without the file

    preload.parent.mkdir(parents=True)
    preload.touch()

    quoted = f'--require "{tmp_path}/a \\"fine\\" \\\\ place/node/botdeck.cjs"'
    assert environment(bot(), {}, autoload)["NODE_OPTIONS"] == quoted
    own = {"NODE_OPTIONS": "--max-old-space-size=100"}
    assert environment(bot(env=own), {}, autoload)["NODE_OPTIONS"] == f"--max-old-space-size=100 {quoted}"
    assert environment(bot(instrument=False), own, autoload)["NODE_OPTIONS"] == "--max-old-space-size=100"


def test_an_environment_that_no_program_can_be_given_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=1\nTOKEN=x\0y\n")

    with pytest.raises(CannotRun, match="NUL character in 'TOKEN'"):
        environment(bot(env_file=tmp_path / "env"), {})
    too_long = in_words({"step": "exec", "errno": errno.E2BIG, "words": "?"}, bot(), events=Path("/e"))
    assert "128 KiB for one word or variable" in too_long


async def test_what_may_take_long_to_read_is_read_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of an env_file may be on another machine, and all bots share one event loop."""
    readers = []

    class NoSpawner:
        async def spawn(self, request: Request, *, lock: int, output: int) -> int:
            return 7

    def reads(*_: object, **__: object) -> dict[str, str]:
        readers.append(threading.current_thread())
        return {}

    monkeypatch.setattr(launch, "bot_environment", reads)
    made = RunDirectory.create(tmp_path, Run(id=new_run_id(NOW, None), bot="b", started_at=NOW), None)
    await launch.launch(NoSpawner(), bot(), made, lock=0, user=None, own_environment={}, autoload=None)  # type: ignore[arg-type]

    assert len(readers) == 1
    assert readers[0] is not threading.main_thread()


def test_a_user_who_does_not_exist_cannot_run_a_bot() -> None:
    with pytest.raises(CannotRun, match="there is no user 'nobody-here' on this host"):
        system_user("nobody-here")


def test_the_runners_own_user_is_no_other_user() -> None:
    assert system_user(None) is None
    assert system_user(pwd.getpwuid(os.geteuid()).pw_name) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_only_root_can_run_bots_as_others() -> None:
    program = (
        "import os\n"
        "from botdeck.runner.environment import CannotRun, system_user\n"
        "os.setuid(65534)\n"
        "try: system_user('root')\n"
        "except CannotRun as error: print(error)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.startswith("only root can run a bot as 'root', and the runner runs as 'nobody'")


@pytest.mark.parametrize(
    ("url", "base_path", "link"),
    [
        ("http://127.0.0.1:8765", "/", "ws://127.0.0.1:8765/api/runner/link"),
        ("http://127.0.0.1:8765/", "/bots/", "ws://127.0.0.1:8765/bots/api/runner/link"),
        ("https://deck.example.org/bots", "/", "wss://deck.example.org/bots/api/runner/link"),
        ("https://deck.example.org/bots/", "/other/", "wss://deck.example.org/bots/api/runner/link"),
        ("wss://deck.example.org", "/", "wss://deck.example.org/api/runner/link"),
    ],
)
def test_the_link_is_below_the_decks_address(tmp_path: Path, url: str, base_path: str, link: str) -> None:
    (tmp_path / "runner-token").write_text("word\n")
    (tmp_path / "deck.json").write_text(json.dumps({"url": url, "pid": 1}))

    assert find_deck(tmp_path, url=url, base_path=lambda: base_path).link == link
    found = find_deck(tmp_path, url=None, base_path=lambda: base_path)
    assert (found.link, found.token, found.local) == (link, "word", "127.0.0.1" in url)


def test_a_deck_that_cannot_be_dialled_yet_is_told_in_words(tmp_path: Path) -> None:
    def words(url: str | None = None) -> str:
        with pytest.raises(NoDeck) as caught:
            find_deck(tmp_path, url=url, base_path=lambda: "/")
        return str(caught.value)

    assert "deck.json is missing" in words()
    (tmp_path / "deck.json").write_text("{")
    assert "or cannot be used" in words()
    (tmp_path / "deck.json").write_text('{"url": "http://127.0.0.1:1/", "pid": 1}')
    assert "the runner's token cannot be read" in words()
    (tmp_path / "runner-token").write_text("two\nlines\n")
    assert "it should be one line" in words()


def join_deck(folder: Path, url: str = "https://deck.example.org/bots/") -> None:
    (folder / "joined.json").write_text(json.dumps({"url": url, "runner": "web-2", "token": "its-own"}))


def test_a_runner_that_joined_dials_that_deck_with_its_own_token_and_name(tmp_path: Path) -> None:
    join_deck(tmp_path)
    (tmp_path / "runner-token").write_text("word\n")
    (tmp_path / "deck.json").write_text('{"url": "http://127.0.0.1:1/", "pid": 1}')

    found = find_deck(tmp_path, url=None, base_path=lambda: "/own/")
    renamed = find_deck(tmp_path, url=None, base_path=lambda: "/", name="other")
    named = find_deck(tmp_path, url="http://127.0.0.1:2/", base_path=lambda: "/")

    assert (found.link, found.token) == ("wss://deck.example.org/bots/api/runner/link", "its-own")
    assert (found.runner, found.joined, found.warning) == ("web-2", True, None)
    assert renamed.runner == "other"
    assert (named.link, named.token, named.runner, named.joined) == (
        "ws://127.0.0.1:2/api/runner/link",
        "word",
        None,
        False,
    )


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://deck.example.org/", True),
        ("ws://192.0.2.1:8765/", True),
        ("https://deck.example.org/", False),
        ("http://127.0.0.1:8765/", False),
        ("http://[::1]:8765/", False),
    ],
)
def test_a_way_that_others_can_read_is_warned_of(tmp_path: Path, url: str, warned: bool) -> None:
    join_deck(tmp_path, url)

    assert bool(find_deck(tmp_path, url=None, base_path=lambda: "/").warning) is warned


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"url": "https://h/", "runner": "", "token": "t"}',
        '{"url": "https://h/", "runner": "r", "token": "a\\nb"}',
    ],
)
def test_a_damaged_note_of_joining_is_said_and_no_other_deck_is_dialled(tmp_path: Path, kept: str) -> None:
    (tmp_path / "joined.json").write_text(kept)
    (tmp_path / "runner-token").write_text("word\n")
    (tmp_path / "deck.json").write_text('{"url": "http://127.0.0.1:1/", "pid": 1}')

    with pytest.raises(NoDeck, match=r"joined\.json is damaged; join the deck once more, with a new token"):
        find_deck(tmp_path, url=None, base_path=lambda: "/")


def test_a_copied_folder_is_another_runner_and_a_renamed_one_the_same(tmp_path: Path) -> None:
    folder, copy, renamed = tmp_path / "one", tmp_path / "two", tmp_path / "three"
    folder.mkdir()
    one = instance_of(folder)
    shutil.copytree(folder, copy)
    folder.rename(renamed)

    assert instance_of(copy) != one
    assert instance_of(renamed) == one


@pytest.mark.parametrize(
    "url",
    [
        "deck.example.org",
        "ftp://deck.example.org/",
        "http://[::1/",
        "http://a..b/",
        "http://h:99999/",
        "http://h:abc/",
        "http://h:0/",
        "http:///path",
        "http://:80/",
        "http://h h/",
        "http://h\0/",
        "http://" + "a" * 70 + ".example/",
    ],
)
def test_what_is_no_address_is_said_before_it_is_dialled(tmp_path: Path, url: str) -> None:
    with pytest.raises(NoDeck, match="is no address of a deck; expected one like"):
        find_deck(tmp_path, url=url, base_path=lambda: "/")


def test_a_lock_is_held_until_its_last_copy_is_closed(tmp_path: Path) -> None:
    lock = process.take_lock(tmp_path / "lock")
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    os.close(lock)

    held = process.take_lock(tmp_path / "lock")
    child.communicate(b"\n")
    free = process.take_lock(tmp_path / "lock")

    assert held is None
    assert free is not None
    os.close(free)


def test_a_process_is_its_pid_and_its_start(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "600"])
    tick = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19])

    right = process.open_process(child.pid, tick)
    wrong = process.open_process(child.pid, tick - 1)
    assert right is not None
    ended_before = process.has_ended(right)
    process.terminate(right, signal.SIGTERM)
    child.wait()

    assert wrong is None
    assert not ended_before
    assert process.has_ended(right)
    assert process.open_process(child.pid, tick) is None
    process.terminate(right, signal.SIGTERM)  # nobody there: no error
    os.close(right)


def test_strays_are_found_by_their_run_in_this_folder_and_others_are_not(tmp_path: Path) -> None:
    def sleeper(run: str, events: Path) -> "subprocess.Popen[bytes]":
        env = {**os.environ, "BOTDECK_RUN": run, "BOTDECK_EVENTS": str(events)}
        return subprocess.Popen(["sleep", "600"], env=env, start_new_session=True)

    run, events = f"test-{os.getpid()}", tmp_path / "events"
    mine, others = sleeper(run, events), [sleeper(run + "0", events), sleeper(run, tmp_path / "copy" / "events")]

    count = process.kill_strays(run, events)
    mine_ended = mine.wait(10)
    others_ended = [other.poll() for other in others]
    for other in others:
        other.kill()
        other.wait()

    assert count == 1
    assert mine_ended == -9
    assert others_ended == [None, None]
