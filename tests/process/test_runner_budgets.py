"""What bots write takes no more room than it may; what is dropped is counted to the byte, and said in its place."""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.fake_deck import FakeDeck, Stored
from tests.process.runner_house import RunnerHouse

pytestmark = pytest.mark.process

LINE = b"%015d\n"
WRITER = """
import os, sys, time
count, pause_s, ending = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
block = 4096
os.write(1, b"an odd beginning\\n")
for first in range(0, count, block):
    os.write(1, b"".join(b"%015d\\n" % number for number in range(first, min(count, first + block))))
    time.sleep(pause_s)
open(os.environ["DONE"], "w").close()
if ending == "stay":
    time.sleep(600)
"""
"""Writes numbered lines of 16 bytes in blocks of 64 KiB, then leaves a sign. No line begins where a block of a disk
does."""
BEGINNING = b"an odd beginning\n"


def text(mib: int) -> bytes:
    return BEGINNING + b"".join(LINE % number for number in range(mib << 16))


def size(mib: int) -> int:
    return len(BEGINNING) + (mib << 20)


def writer(house: RunnerHouse, name: str, mib: int, *, pause_s: float = 0.0, ending: str = "stay") -> dict[str, object]:
    bot = house.python(WRITER, restart="never", output_rate_mb_s=0, env={"DONE": str(house.folder / f"{name}.done")})
    bot["command"] = [*bot["command"], str(mib << 16), str(pause_s), ending]
    return bot


def limit_host(house: RunnerHouse, **settings: float) -> None:
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    house.config.write_text(f"{house.config.read_text()}\n[runner]\n{lines}")


def room_taken(house: RunnerHouse, bot: str, kind: str = "out") -> int:
    return sum((run / kind).stat().st_blocks * 512 for run in house.run_dirs(bot) if (run / kind).exists())


def stored_of(deck: FakeDeck, bot: str, kind: str = "out") -> Stored:
    (stored,) = (stored for name, stored in deck.streams.items() if name.startswith(f"{bot}/") and name.endswith(kind))
    return stored


def assert_exact(stored: Stored, written: bytes) -> None:
    """Kept and missing are all there was, and what was kept is what was written."""
    assert len(stored.data) == len(written)
    expected, missing = bytearray(written), 0
    for begin, size in stored.gaps:
        expected[begin : begin + size] = bytes(size)
        missing += size
        assert begin == 0 or written[begin - 1 : begin] == b"\n"
        assert written[begin + size - 1 : begin + size] == b"\n"
    assert stored.dropped == missing
    assert stored.data == expected


async def test_output_above_a_bots_backlog_is_dropped_from_its_old_end_and_counted(house: RunnerHouse) -> None:
    house.configure(bot={**writer(house, "bot", 24), "output_backlog_mb": 2})
    await house.start()
    await house.until(lambda: (house.folder / "bot.done").exists())
    await house.until(lambda: room_taken(house, "bot") <= 3_000_000)

    async with FakeDeck(house.data_dir) as deck:
        await deck.until(lambda: len(deck.all_bytes("bot")) == size(24))

    stored = stored_of(deck, "bot")
    assert_exact(stored, text(24))
    assert stored.dropped >= (24 << 20) - 3_000_000
    assert len(stored.gaps) == 1
    assert len(stored.notices) == 1
    assert stored.notices[0].endswith(
        "MB of output were dropped here: more than output_backlog_mb = 2 waited to be shipped."
    )


async def test_a_runner_killed_after_it_dropped_and_a_link_cut_before_the_answer_count_it_once(
    house: RunnerHouse,
) -> None:
    house.configure(bot={**writer(house, "bot", 24), "output_backlog_mb": 2})
    first = await house.start()
    await house.until(lambda: (house.folder / "bot.done").exists())
    await house.until(lambda: room_taken(house, "bot") <= 3_000_000)
    await house.kill(first)

    async with FakeDeck(house.data_dir) as deck:
        deck.apply_limit = 1
        await house.start()
        await deck.until(lambda: deck.apply_limit is None)
        await house.kill(house.last_runner)
        deck.apply_limit = 3
        await house.start()
        await deck.until(lambda: len(deck.all_bytes("bot")) == size(24))

    stored = stored_of(deck, "bot")
    assert_exact(stored, text(24))
    assert len(stored.gaps) == 1
    assert "more than output_backlog_mb = 2 waited" in stored.notices[0]


async def test_runs_of_a_bot_share_its_backlog(house: RunnerHouse) -> None:
    house.configure(bot={**writer(house, "bot", 2, ending="end"), "restart": "always", "output_backlog_mb": 4})
    await house.start()
    await house.until(lambda: len(house.run_dirs("bot")) == 4 and room_taken(house, "bot") <= 5_000_000)
    oldest = house.run_dirs("bot")[0]

    assert (oldest / "out").stat().st_blocks * 512 <= 65536
    async with FakeDeck(house.data_dir) as deck:
        await deck.until(lambda: sum(s.final for name, s in deck.streams.items() if name.endswith("/out")) >= 3)

    dropped = deck.streams[f"bot/{oldest.name}/out"]
    assert_exact(dropped, text(2))
    assert dropped.dropped > (2 << 20) - 65536


async def test_a_flood_is_kept_in_pieces_and_what_comes_after_it_arrives(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(
        bot={**writer(house, "bot", 48, pause_s=0.004), "output_backlog_mb": 4, "output_rate_mb_s": 2},
        quiet=house.counter(100),
    )
    await house.start()
    await fake_deck.until(lambda: len(fake_deck.all_bytes("bot")) == size(48), timeout=60)

    stored = stored_of(fake_deck, "bot")
    assert_exact(stored, text(48))
    assert stored.dropped > 8 << 20
    assert len(stored.gaps) <= 20
    assert "it wrote more than output_rate_mb_s = 2" in stored.notices[0]
    assert stored.data.endswith(LINE % ((48 << 16) - 1))
    assert stored_of(fake_deck, "quiet").dropped == 0


async def test_a_flood_without_a_deck_does_not_fill_the_disk(house: RunnerHouse) -> None:
    flood = "import os\nblock = (b'%015d\\n' % 7) * 65536\nwhile True: os.write(1, block)"
    house.configure(bot=house.python(flood, restart="never", output_backlog_mb=4, output_rate_mb_s=1))
    await house.start()
    await house.until(lambda: house.run_dirs("bot"))
    out = house.run_dirs("bot")[0] / "out"

    await house.until(lambda: out.stat().st_size > 1 << 30 and room_taken(house, "bot") <= 32 << 20)
    await house.until(lambda: out.stat().st_size > 2 << 30 and room_taken(house, "bot") <= 32 << 20)


async def test_above_the_hosts_backlog_the_longest_one_gives(house: RunnerHouse) -> None:
    house.configure(long=writer(house, "long", 24, pause_s=0.002), short=writer(house, "short", 2))
    limit_host(house, backlog_mb=8)
    await house.start()
    await house.until(lambda: all((house.folder / f"{name}.done").exists() for name in ("long", "short")))
    await house.until(lambda: room_taken(house, "long") + room_taken(house, "short") <= 9_000_000)

    async with FakeDeck(house.data_dir) as deck:
        await deck.until(lambda: len(deck.all_bytes("long")) == size(24))
        await deck.until(lambda: len(deck.all_bytes("short")) == size(2))

    assert_exact(stored_of(deck, "long"), text(24))
    assert_exact(stored_of(deck, "short"), text(2))
    assert stored_of(deck, "short").dropped == 0
    (notice,) = stored_of(deck, "long").notices
    assert notice.endswith("more than backlog_mb = 8 of all bots together waited to be shipped.")


@pytest.fixture
def small_disk(house: RunnerHouse) -> Iterator[RunnerHouse]:
    """A house whose data lie on a disk of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "small", str(house.data_dir)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this host does not let a disk be mounted")
    yield house
    house.clean()
    subprocess.run(["umount", "--lazy", str(house.data_dir)], check=True)


async def test_below_the_disk_floor_the_oldest_output_is_dropped_and_events_stay(small_disk: RunnerHouse) -> None:
    house = small_disk
    house.configure(bot=writer(house, "bot", 40, pause_s=0.005), eventful=house.counter(5000))
    limit_host(house, disk_floor_mb=8)
    await house.start()
    await house.until(lambda: (house.folder / "bot.done").exists())
    await house.until(lambda: free_mb(house) >= 8)

    async with FakeDeck(house.data_dir) as deck:
        await deck.until(lambda: len(deck.all_bytes("bot")) == size(40))
        await deck.until(lambda: b'"number": 4999' in deck.all_bytes("eventful", "events"))

    stored = stored_of(deck, "bot")
    assert_exact(stored, text(40))
    assert "less than disk_floor_mb = 8 was free on the disk" in stored.notices[0]
    assert stored_of(deck, "eventful", "events").dropped == 0
    assert "what they print and no deck has taken is dropped, and counted" in house.log_text()


async def test_below_the_disk_floor_events_are_dropped_when_there_is_no_output(small_disk: RunnerHouse) -> None:
    house = small_disk
    script = WRITER.replace("os.write(1,", "os.write(events,").replace(
        "block = 4096", "block = 4096\nevents = os.open(os.environ['BOTDECK_EVENTS'], os.O_WRONLY | os.O_APPEND)"
    )
    house.script(script, "events.py")
    bot = writer(house, "bot", 40, pause_s=0.005)
    bot["command"] = [*bot["command"][:3], str(house.folder / "events.py"), *bot["command"][-3:]]  # type: ignore[index]
    house.configure(bot=bot)
    limit_host(house, disk_floor_mb=8)
    await house.start()
    await house.until(lambda: (house.folder / "bot.done").exists())
    await house.until(lambda: free_mb(house) >= 8)

    async with FakeDeck(house.data_dir) as deck:
        await deck.until(lambda: len(deck.all_bytes("bot", "events")) == size(40))

    stored = stored_of(deck, "bot", "events")
    assert_exact(stored, text(40))
    assert "of events were dropped here: less than disk_floor_mb = 8" in stored.notices[0]


def free_mb(house: RunnerHouse) -> float:
    found = os.statvfs(house.data_dir)
    return found.f_bavail * found.f_frsize / 1e6


GO = """
import os, sys, time
def wait(name):
    while not os.path.exists(name): time.sleep(0.01)
os.write(1, b"before\\n")
wait("one")
os.write(1, b"between\\n")
wait("two")
os.write(1, b"after\\n")
time.sleep(600)
"""


@pytest.mark.parametrize("what", ["removed", "moved", "replaced"])
async def test_a_file_that_lost_its_name_is_followed_and_reported_once_by_this_runner_and_the_next(
    house: RunnerHouse, fake_deck: FakeDeck, what: str
) -> None:
    house.configure(bot=house.python(GO))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\n")
    out = house.run_dirs("bot")[0] / "out"

    take_away(out, what)
    (house.folder / "one").touch()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\nbetween\n")
    await house.kill(first)
    await house.start()
    (house.folder / "two").touch()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\nbetween\nafter\n")

    (notice,) = stored_of(fake_deck, "bot").notices
    assert notice.startswith("Somebody removed or replaced the file")


@pytest.mark.parametrize("what", ["removed", "moved", "replaced"])
async def test_a_file_that_lost_its_name_while_no_runner_lived_is_found_through_its_bot(
    house: RunnerHouse, fake_deck: FakeDeck, what: str
) -> None:
    house.configure(bot=house.python(GO))
    first = await house.start()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\n")
    out = house.run_dirs("bot")[0] / "out"
    await house.kill(first)

    take_away(out, what)
    await house.start()
    (house.folder / "one").touch()
    (house.folder / "two").touch()
    await fake_deck.until(lambda: fake_deck.all_bytes("bot") == b"before\nbetween\nafter\n")

    (notice,) = stored_of(fake_deck, "bot").notices
    assert notice.startswith("Somebody removed or replaced the file")


def take_away(path: Path, what: str) -> None:
    if what == "removed":
        path.unlink()
        return
    path.rename(path.with_name("out.1"))
    if what == "replaced":
        path.write_bytes(b"")


def is_watched(pid: int, path: Path) -> bool:
    """The runner looked at it and left it to inotify."""
    infos = [info.read_text() for info in Path(f"/proc/{pid}/fdinfo").iterdir() if info.exists()]
    return any(f" ino:{path.stat().st_ino:x} " in info for info in infos)


async def test_a_truncation_takes_what_was_not_shipped_and_says_how_much(house: RunnerHouse) -> None:
    house.configure(bot=house.python(GO))
    first = await house.start()
    await house.until(lambda: house.run_dirs("bot") and (house.run_dirs("bot")[0] / "out").stat().st_size == 7)
    out = house.run_dirs("bot")[0] / "out"
    (house.folder / "one").touch()
    await house.until(lambda: out.stat().st_size == 15 and is_watched(first.pid, out))

    os.truncate(out, 0)
    await house.until(lambda: "Somebody truncated" in house.log_text())
    (house.folder / "two").touch()
    await house.until(lambda: out.stat().st_size == 6)
    await house.kill(first)
    await house.start()
    async with FakeDeck(house.data_dir) as deck:
        await deck.until(lambda: deck.all_bytes("bot").endswith(b"after\n"))

    stored = stored_of(deck, "bot")
    assert stored.gaps == [(0, 15)]
    assert stored.notices[0].startswith("15 bytes of output were dropped here: somebody truncated the file")


async def test_binary_output_and_lines_of_a_mebibyte_arrive_as_they_are(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    bot = """
import os, random, sys
luck = random.Random(3)
for piece in (luck.randbytes(300_000), b"\\0" * 50_000, b"x" * (1 << 20) + b"\\n", b"\\xff\\xfe\\n", b"y" * (1 << 20),
              b"half"):
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
"""
    house.configure(bot=house.python(bot, restart="never"))
    await house.start()
    await fake_deck.until(lambda: fake_deck.streams and all(s.final for s in fake_deck.streams.values()))

    wanted = (
        random.Random(3).randbytes(300_000)
        + bytes(50_000)
        + b"x" * (1 << 20)
        + b"\n\xff\xfe\n"
        + b"y" * (1 << 20)
        + b"half"
    )
    assert fake_deck.all_bytes("bot") == wanted
    assert stored_of(fake_deck, "bot").gaps == []


async def test_what_is_shipped_through_one_run_leaves_little_on_the_disk_but_its_end(
    house: RunnerHouse, fake_deck: FakeDeck
) -> None:
    house.configure(bot=writer(house, "bot", 128))
    await house.start()
    out = await first_out(house, "bot")
    await fake_deck.until(lambda: fake_deck.streams and len(stored_of(fake_deck, "bot").data) == size(128), timeout=60)
    await house.until(lambda: out.stat().st_blocks * 512 <= 8 << 20)

    assert stored_of(fake_deck, "bot").dropped == 0
    with out.open("rb") as file:
        file.seek(-(256 << 10), os.SEEK_END)
        assert file.read() == text(128)[-(256 << 10) :]


async def first_out(house: RunnerHouse, bot: str) -> Path:
    await house.until(lambda: house.run_dirs(bot))
    return house.run_dirs(bot)[0] / "out"
