"""What is wrong on a host, how it is named, and when it is taken back; the clocks are the test's."""

import errno
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from botdeck.models import HostLoad, MemoryPoint
from botdeck.runner import memory_curve
from botdeck.runner.host_load import Host
from botdeck.runner.host_watch import CLOCK_NAMED_S, LIMIT_NAMED_S, WATCHES_NAMED_S, HostWatch
from botdeck.runner.journal import Damage
from botdeck.runner.limits import limit_in_words
from botdeck.runner.memory_curve import MOST_POINTS, MemoryCurve
from botdeck.runner.troubles import Troubles
from botdeck.runner.whole_file import Unwritten

MB = 1_000_000


class TroubledHost:
    """The troubles of one host, and how often they were told."""

    def __init__(self, folder: Path) -> None:
        self.told: list[list[str]] = []
        self.troubles = Troubles(self.tell)
        self.watch = HostWatch(self.troubles, data_dir=folder, state=folder)

    def tell(self) -> None:
        self.told.append(self.troubles.sentences())

    def look(self, now: float, *, wall: float | None = None, unwatchable: bool = False, **files: int) -> list[str]:
        """What is wrong now; `files` could not be written, for these error numbers."""
        unwritten = [Unwritten(Path("/srv", name), OSError(number, "")) for name, number in files.items()]
        wall = 1e9 + now if wall is None else wall
        self.watch.look(unwritten=unwritten, unwatchable=unwatchable, wall=wall, now=now)
        return self.troubles.sentences()


@pytest.fixture
def host(tmp_path: Path) -> TroubledHost:
    return TroubledHost(tmp_path)


def test_a_trouble_is_told_when_it_comes_changes_and_goes_and_not_in_between(host: TroubledHost) -> None:
    host.troubles.set("a", "one")
    host.troubles.set("a", "one")
    host.troubles.set("b", "two", until=10)
    host.troubles.set("a", "another")
    host.troubles.expire(9.9)
    host.troubles.set("b", "two", until=20)
    host.troubles.expire(10)
    host.troubles.expire(20)
    host.troubles.set("a", None)
    host.troubles.set("a", None)

    assert host.told == [["one"], ["one", "two"], ["another", "two"], ["another"], []]


def test_a_clock_that_is_set_by_an_hour_is_named_for_a_while(host: TroubledHost) -> None:
    quiet = [host.look(now) for now in (0.0, 5.0)]
    (forward,) = host.look(10.0, wall=1e9 + 10 + 3600)
    still = host.look(15.0, wall=1e9 + 15 + 3600)
    (back,) = host.look(20.0, wall=1e9 + 20)
    before, after = host.look(19.9 + CLOCK_NAMED_S), host.look(20 + CLOCK_NAMED_S)

    assert quiet == [[], []]
    assert "was set forward by 60 min" in forward
    assert still == [forward]
    assert "was set back by 60 min" in back
    assert (before, after) == ([back], [])


def test_a_clock_that_is_corrected_little_by_little_is_no_trouble(host: TroubledHost) -> None:
    for step in range(20):
        assert host.look(5.0 * step, wall=1e9 + 5.0 * step + 4.9 * step) == []


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "The disk is full, so there was no room for /srv/journal.json and 1 more. The bots go on"),
        (errno.EROFS, "The disk of /srv/journal.json and 1 more can only be read"),
        (errno.EACCES, "The runner may not write /srv/journal.json and 1 more."),
        (errno.EIO, f"The runner could not write /srv/journal.json and 1 more: {os.strerror(errno.EIO)}."),
    ],
)
def test_files_that_cannot_be_written_are_one_sentence_until_they_are(
    host: TroubledHost, number: int, what: str
) -> None:
    (sentence,) = host.look(0.0, **{"journal.json": number, "run.json": number})

    assert sentence.startswith(what)
    assert "The bots go on" in sentence
    assert host.look(5.0) == []


def test_a_limit_is_named_with_its_value_until_it_was_not_met_for_a_while(host: TroubledHost) -> None:
    host.watch.short_of(errno.EMFILE, 0.0)
    host.watch.short_of(errno.EMFILE, 60.0)
    (sentence,) = host.look(59.0 + LIMIT_NAMED_S)

    assert f"which is {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} (ulimit -n)" in sentence
    assert host.look(60.0 + LIMIT_NAMED_S) == []
    assert len(host.told) == 2


def test_a_limit_that_keeps_a_file_from_being_written_is_named_too(host: TroubledHost) -> None:
    sentences = host.look(0.0, **{"journal.json": errno.EMFILE})

    assert len(sentences) == 2
    assert "(ulimit -n)" in sentences[1]


def test_each_limit_says_its_name() -> None:
    files, processes = Path("/proc/sys/fs/file-max").read_text(), Path("/proc/sys/kernel/threads-max").read_text()

    assert f"which is {files.strip()} (fs.file-max)" in (limit_in_words(errno.ENFILE) or "")
    assert f"{processes.strip()} for the host (kernel.threads-max)" in (limit_in_words(errno.EAGAIN) or "")
    assert "no memory" in (limit_in_words(errno.ENOMEM) or "")
    assert limit_in_words(errno.ENOENT) is None
    assert limit_in_words(None) is None


def test_file_watches_that_the_system_does_not_give_are_named_until_none_is_missing_for_a_while(
    host: TroubledHost,
) -> None:
    (sentence,) = host.look(0.0, unwatchable=True)

    assert "fs.inotify.max_user_watches" in sentence
    assert host.look(WATCHES_NAMED_S - 1) == [sentence]
    assert host.look(WATCHES_NAMED_S) == []


def test_a_damaged_journal_is_named_until_somebody_deleted_it(host: TroubledHost, tmp_path: Path) -> None:
    aside = tmp_path / "journal.json.20261122T201503"
    aside.touch()
    host.watch.journal_damaged(Damage("It was cut in half.", aside), 0.0)
    later = host.look(1e6)
    aside.unlink()

    assert later == ["It was cut in half."]
    assert host.look(1e6 + 5) == []


def test_a_journal_that_was_missing_is_named_for_a_while(host: TroubledHost) -> None:
    host.watch.journal_damaged(Damage("It is missing.", None), 0.0)

    assert host.look(CLOCK_NAMED_S - 1) == ["It is missing."]
    assert host.look(CLOCK_NAMED_S) == []


def test_a_disk_below_the_floor_is_named_and_one_that_hovers_about_it_is_not_named_again(host: TroubledHost) -> None:
    load = Host(Path("/")).look()
    for free_mb, named in ((300, False), (255, True), (257, True), (255, True), (280, False)):
        host.watch.look_at_load(replace(load, disk_free_bytes=free_mb * MB), 256.0)
        assert bool(host.troubles.sentences()) == named

    assert len(host.told) == 2
    assert host.told[0][0].startswith("Less than 256 MB are free on the disk of")


def test_the_load_of_this_host_is_what_the_system_says(tmp_path: Path) -> None:
    host = Host(tmp_path)
    first, second = host.look(), host.look()
    while second.cpu_percent is None:  # two looks within one tick
        second = host.look()

    assert isinstance(first, HostLoad)
    assert first.cpu_percent is None
    assert 0 <= second.cpu_percent <= 100
    assert first.memory_total_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < first.memory_available_bytes < first.memory_total_bytes
    assert 0 < first.disk_free_bytes <= first.disk_total_bytes


def test_the_share_of_busy_cores_and_new_processes_are_read_from_the_kernels_counters(tmp_path: Path) -> None:
    host = Host(tmp_path)
    line = b"cpu  %d 0 0 %d 50 0 0 0 0 0\ncpu0 1 1 1\nctxt 5\nbtime 7\nprocesses %d\nprocs_running 1\n"
    shares = [
        host._look_at_cpu(line % numbers) for numbers in ((0, 100, 9), (25, 175, 9), (25, 175, 9), (125, 175, 10))
    ]

    assert shares == [None, 25.0, None, 100.0]
    assert host.forked
    host._look_at_cpu(line % (126, 175, 10))
    assert not host.forked


# The memory curve.


def test_a_curve_is_the_largest_value_of_each_step_and_the_last_value(tmp_path: Path) -> None:
    curve = MemoryCurve.open(tmp_path / "memory")
    for at_s, size in ((0.5, 10), (1.0, 30), (4.9, 20), (5.1, 5), (11.0, 7), (12.0, 6)):
        curve.add(at_s, size)

    assert [(point.at_s, point.bytes) for point in curve.points()] == [(1.0, 30), (5.1, 5), (11.0, 7), (12.0, 6)]


def test_a_curve_of_months_has_few_points_and_keeps_its_peaks(tmp_path: Path) -> None:
    curve = MemoryCurve.open(tmp_path / "memory")
    peak_at = 123_456
    for reading in range(200_000):
        at_s = 5.0 * reading
        curve.add(at_s, 10**9 if reading == peak_at else 10**6 + reading)
    points = curve.points()

    assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS + 2
    assert MemoryPoint(at_s=5.0 * peak_at, bytes=10**9) in points
    assert points[-1] == MemoryPoint(at_s=5.0 * 199_999, bytes=10**6 + 199_999)
    assert points == sorted(points, key=lambda point: point.at_s)
    assert (tmp_path / "memory").stat().st_size < 32 * MOST_POINTS


@pytest.mark.parametrize("readings", [30, 5_000])
def test_a_curve_goes_on_after_a_restart(tmp_path: Path, readings: int) -> None:
    curve = MemoryCurve.open(tmp_path / "memory")
    for reading in range(readings):
        curve.add(5.0 * reading, reading)
    again = MemoryCurve.open(tmp_path / "memory")
    kept = again.points()
    for reading in range(readings, readings + 100):
        again.add(5.0 * reading, reading)
    third = MemoryCurve.open(tmp_path / "memory").points()

    # What was not written yet is lost with the runner: at most a minute, or a step.
    assert kept == curve.points()[: len(kept)]
    assert len(curve.points()) - len(kept) <= 14
    assert third[: len(kept)] == kept or len(third) > MOST_POINTS / 2
    assert third[-1].at_s > kept[-1].at_s


def test_a_curve_is_written_at_most_once_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, writes = tmp_path / "memory", list[int]()
    write = memory_curve._write_file
    monkeypatch.setattr(
        memory_curve, "_write_file", lambda path, text, mode: writes.append(len(text)) or write(path, text, mode)
    )
    curve = MemoryCurve.open(path)
    for reading in range(720):  # an hour
        curve.add(5.0 * reading, reading)

    assert 0 < len(writes) <= 60


def test_a_disk_without_room_costs_the_curve_nothing_while_the_runner_lives(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.mkdir()  # so that nothing can be written there
    curve = MemoryCurve.open(path)
    for reading in range(30):
        curve.add(5.0 * reading, reading)
    path.rmdir()
    for reading in range(30, 60):
        curve.add(5.0 * reading, reading)

    assert len(curve.points()) == 60
    assert MemoryCurve.open(path).points()[0].at_s == 0.0


def test_a_curve_with_a_torn_line_is_read_up_to_it_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.write_text("0.0 100\n5.0 200\nnonsense\n10.0 3")
    curve = MemoryCurve.open(path)
    for reading in range(3, 30):
        curve.add(5.0 * reading, reading)

    assert [point.bytes for point in curve.points()[:3]] == [100, 200, 3]
    assert path.read_text().startswith("0.0 100\n5.0 200\n15.0 3\n")
