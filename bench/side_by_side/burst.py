"""A million lines of 100 bytes from one bot: what they cost, when all can be read, whether all are there."""

import subprocess
from collections.abc import Iterable

from bench.house.processes import CpuMeter
from bench.house.report import Figures
from bench.house.waiting import wait_for
from bench.house.world import PYTHON, World
from bench.peers import BOT, Noted, Peer, Program, now
from bench.side_by_side import Rows, Trial, at_work

LINES = 1_000_000
QUICK_LINES = 100_000
LINE_BYTES = 100
BLOCK_LINES = 655
"""In 64 KiB."""
PLAIN = "plain file"
PATIENCE_S = 120.0


def by_line(kind: type[Peer], quick: bool) -> Rows:
    return _measure(kind, quick, 1)


def by_block(kind: type[Peer], quick: bool) -> Rows:
    return _measure(kind, quick, BLOCK_LINES)


def _program(quick: bool, lines_a_write: int) -> Program:
    lines = QUICK_LINES if quick else LINES
    return Program("burst", ("burst", str(lines), str(lines_a_write)), autostart=False)


def _measure(kind: type[Peer], quick: bool, lines_a_write: int) -> Rows:
    lines = QUICK_LINES if quick else LINES
    with at_work(kind, "burst", [_program(quick, lines_a_write)]) as peer:
        keepers, deck = CpuMeter(peer.keepers), CpuMeter(peer.deck)
        peer.start(["burst"])
        wait_for(lambda: peer.noted("end"), "the bot's last line", PATIENCE_S, every_s=0.02)
        wait_for(
            lambda: peer.readable_bytes("burst") >= lines * LINE_BYTES, "all lines in its log", PATIENCE_S, every_s=0.02
        )
        read_at = now()
        cpu_s, deck_cpu_s = keepers.read(), deck.read()
        begin, end = peer.noted("begin")[0], peer.noted("end")[0]
        lost, doubled = missing_and_twice(peer.log_lines("burst"), lines)
        figures: Figures = {"cpu_s": round(cpu_s, 3)}
        if peer.deck():
            figures |= {"deck_cpu_s": round(deck_cpu_s, 3), "with_deck_cpu_s": round(cpu_s + deck_cpu_s, 3)}
        figures |= {"until_all_readable_s": round(read_at - begin.at, 2), "lost": lost, "doubled": doubled}
        return {kind.name: figures | _of_the_bot(end)}


def _of_the_bot(end: Noted) -> Figures:
    wall_s, cpu_s = map(float, end.extra.split())
    return {"bot_wall_s": round(wall_s, 3), "bot_cpu_s": round(cpu_s, 3)}


def missing_and_twice(lines: Iterable[bytes], count: int) -> tuple[int, int]:
    seen = bytearray(count)
    doubled = 0
    for line in lines:
        number = int(line[:8]) if line[:8].isdigit() else -1
        if 0 <= number < count:
            doubled += seen[number]
            seen[number] = 1
    return count - sum(seen), doubled


def plain_by_line(quick: bool) -> Rows:
    return _plain(quick, 1)


def plain_by_block(quick: bool) -> Rows:
    return _plain(quick, BLOCK_LINES)


def _plain(quick: bool, lines_a_write: int) -> Rows:
    """The same bot into a file, with nobody behind it."""
    program = _program(quick, lines_a_write)
    with World("burst-plain") as world, (world.folder / "log").open("ab") as log:
        side = world.folder / "side"
        command = [*PYTHON, BOT, str(side), program.name, *program.arguments]
        bot = subprocess.Popen(command, stdout=log, env=world.environment)
        wait_for(lambda: side.exists() and "\nend " in side.read_text(), "the bot", PATIENCE_S, every_s=0.02)
        row = next(text for text in side.read_text().splitlines() if text.startswith("end "))
        bot.kill()
        bot.wait()
    what, name, pid, at, extra = row.split(" ", 4)
    return {PLAIN: _of_the_bot(Noted(what, name, int(pid), float(at), extra))}


_RATIOS = ("cpu_s", "with_deck_cpu_s")
BY_LINE = Trial("lines", "1,000,000 lines of 100 bytes, a write each", by_line, 3, _RATIOS, yardstick=plain_by_line)
BY_BLOCK = Trial(
    "blocks", "1,000,000 lines of 100 bytes, in writes of 64 KiB", by_block, 3, _RATIOS, yardstick=plain_by_block
)
