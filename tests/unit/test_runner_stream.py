"""One file on its way to the deck: offsets, frames, times, gaps. A deck is played by a dictionary of bytes."""

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botdeck.protocol.frames import MAX_DATA_BYTES, Data
from botdeck.runner import holes
from botdeck.runner.marks import MOST_MARKS
from botdeck.runner.stream import KEPT_BYTES, MOST_IN_FLIGHT, PUNCH_STEP, Stream

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class File:
    """The bot's side."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)


class Deck:
    """Applies a frame where its cursor stands. `data` is what it got, `cursor` counts what is missing, too."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.cursor = len(data)
        self.frames: list[Data] = []
        self.final = False

    @property
    def gaps(self) -> list[tuple[int, int]]:
        return [(frame.offset, frame.gap) for frame in self.frames if frame.gap]

    @property
    def notices(self) -> list[str]:
        return [frame.notice for frame in self.frames if frame.notice]

    def take(self, frame: Data) -> int:
        if frame.offset == self.cursor:
            self.data += frame.payload
            self.cursor += frame.gap + len(frame.payload)
            self.final = self.final or frame.final
            self.frames.append(frame)
        return self.cursor


def ship(stream: Stream, deck: Deck, now: datetime = NOON) -> None:
    """Until there is nothing more to send, with everything acknowledged."""
    while frame := stream.next_frame(now):
        stream.acknowledge(deck.take(frame), final=deck.final)


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "out")


@pytest.fixture
def stream(file: File) -> Stream:
    stream = Stream("b/r/out", file.path)
    stream.fresh = True
    return stream


def test_bytes_are_shipped_without_waiting_for_a_newline(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"password: ")

    grew = stream.look(NOON)
    ship(stream, deck)

    assert grew
    assert not stream.look(NOON)
    assert deck.data == b"password: "


def test_events_are_shipped_as_whole_lines(file: File) -> None:
    stream, deck = Stream("b/r/events", file.path, whole_lines=True), Deck()
    stream.begin(0)
    file.write(b'\n{"a":1}\n\n{"b"')
    stream.look(NOON)
    ship(stream, deck)
    half = deck.data

    file.write(b":2}\n")
    stream.look(NOON)
    ship(stream, deck)

    assert half == b'\n{"a":1}\n\n'
    assert deck.data == b'\n{"a":1}\n\n{"b":2}\n'


def test_a_line_longer_than_a_frame_does_not_stop_the_stream(file: File) -> None:
    stream, deck = Stream("b/r/events", file.path, whole_lines=True), Deck()
    stream.begin(0)
    file.write(b"x" * (MAX_DATA_BYTES + 5) + b"\n{}\n")
    stream.look(NOON)

    ship(stream, deck)

    assert deck.data == file.path.read_bytes()


def test_a_frame_is_no_longer_than_the_protocol_allows_and_a_stream_has_a_window(file: File, stream: Stream) -> None:
    stream.begin(0)
    file.write(bytes(range(256)) * (MAX_DATA_BYTES // 256) * (MOST_IN_FLIGHT + 2))
    stream.look(NOON)

    frames = []
    while frame := stream.next_frame(NOON):
        frames.append(frame)
    stream.acknowledge(frames[0].offset + len(frames[0].payload), final=False)
    another = stream.next_frame(NOON)

    assert [len(frame.payload) for frame in frames] == [MAX_DATA_BYTES] * MOST_IN_FLIGHT
    assert another is not None
    assert another.offset == MOST_IN_FLIGHT * MAX_DATA_BYTES
    assert stream.next_frame(NOON) is None


@pytest.mark.parametrize("kind", ["out", "events"])
@pytest.mark.parametrize("text", [b"", b"whole\n", b"whole\nhalf", b"half"])
def test_the_end_of_a_run_is_one_final_frame(file: File, kind: str, text: bytes) -> None:
    stream, deck = Stream(f"b/r/{kind}", file.path, whole_lines=kind == "events"), Deck()
    stream.begin(0)
    file.write(text)
    stream.look(NOON)
    ship(stream, deck)

    stream.over = True
    ship(stream, deck)

    assert deck.data == text
    assert [frame.final for frame in deck.frames].count(True) == 1
    assert deck.frames[-1].final
    assert stream.complete
    assert stream.next_frame(NOON) is None


def test_every_connection_begins_where_the_deck_stands(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"0123456789")
    stream.look(NOON)
    stored, lost = stream.next_frame(NOON), None
    assert stored is not None
    deck.take(stored)  # and its acknowledgement is lost
    file.write(b"abc")
    stream.look(NOON)
    lost = stream.next_frame(NOON)

    stream.begin(len(deck.data))
    ship(stream, deck)

    assert lost is not None
    assert deck.data == b"0123456789abc"


def test_a_final_frame_that_was_lost_is_sent_again(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"half")
    stream.look(NOON)
    stream.over = True
    assert (frame := stream.next_frame(NOON)) is not None
    assert frame.final

    stream.begin(0)
    ship(stream, deck)

    assert deck.final
    assert stream.complete


def test_only_the_answer_to_the_final_frame_says_that_the_end_arrived(file: File, stream: Stream) -> None:
    """The frame before an empty final one has the same end."""
    deck = Deck()
    stream.begin(0)
    file.write(b"fatal: no newline")
    stream.look(NOON)
    before = stream.next_frame(NOON)
    stream.over = True
    last = stream.next_frame(NOON)
    assert before is not None
    assert last is not None
    assert (last.offset, last.payload, last.final) == (17, b"", True)

    stream.acknowledge(deck.take(before), final=deck.final)
    complete_before, waiting, more = stream.complete, stream.waiting, stream.next_frame(NOON)
    stream.acknowledge(deck.take(last), final=deck.final)

    assert (complete_before, waiting, more) == (False, True, None)
    assert stream.complete
    assert not stream.waiting


def test_a_final_frame_that_is_refused_is_sent_again_from_where_the_deck_stands(file: File, stream: Stream) -> None:
    """A frame of an older connection was committed after the welcome, and the deck stands at our end already."""
    deck = Deck(b"bye")
    stream.begin(0)
    file.write(b"bye")
    stream.look(NOON)
    stream.over = True
    refused = stream.next_frame(NOON)
    assert refused is not None

    stream.acknowledge(deck.take(refused), final=deck.final)
    complete_before = stream.complete
    ship(stream, deck)

    assert not complete_before
    assert [(frame.offset, frame.payload, frame.final) for frame in deck.frames] == [(3, b"", True)]
    assert stream.complete


def test_late_answers_to_refused_frames_do_not_make_a_final_frame_go_round_in_circles(
    file: File, stream: Stream
) -> None:
    deck, sent = Deck(b"0123456789"), list[Data]()
    stream.begin(0)
    for text in (b"01234", b"56789"):
        file.write(text)
        stream.look(NOON)
        frame = stream.next_frame(NOON)
        assert frame is not None
        sent.append(frame)
    stream.over = True

    for frame in sent:  # grows meanwhile; answers come in the order of the frames
        while more := stream.next_frame(NOON):
            sent.append(more)
        stream.acknowledge(deck.take(frame), final=deck.final)

    assert stream.complete
    assert len(sent) <= 5


def test_a_deck_that_has_all_of_a_run_that_is_over_is_only_asked(file: File, stream: Stream) -> None:
    file.write(b"all of it")
    stream.over, stream.fresh = True, False
    stream.begin(None)

    question = stream.next_frame(NOON)
    stream.acknowledge(9, final=True)

    assert question is not None
    assert stream.complete
    assert stream.next_frame(NOON) is None


def test_a_deck_that_names_no_cursor_is_asked_before_anything_is_sent(file: File) -> None:
    """It has none of it, or it has all and counts the stream as over."""
    for has in (b"", b"01234", b"0123456789"):
        stream, deck = Stream("b/r/out", file.path), Deck(has)
        file.path.write_bytes(b"0123456789")
        stream.over = True

        stream.begin(None)
        question, second = stream.next_frame(NOON), stream.next_frame(NOON)
        assert question is not None
        stream.acknowledge(deck.take(question), final=deck.final)
        ship(stream, deck)

        assert (question.offset, question.payload, question.final) == (0, b"", False)
        assert second is None
        assert deck.data == b"0123456789"
        assert stream.complete


def test_a_refused_frame_is_answered_with_the_cursor_and_shipping_goes_on_from_there(
    file: File, stream: Stream
) -> None:
    deck = Deck(b"0123")  # of an older connection, committed after the welcome
    stream.begin(0)
    file.write(b"0123456789")
    stream.look(NOON)
    refused = stream.next_frame(NOON)
    assert refused is not None
    file.write(b"abc")
    stream.look(NOON)
    refused_too = stream.next_frame(NOON)
    assert refused_too is not None

    for frame in (refused, refused_too):
        stream.acknowledge(deck.take(frame), final=deck.final)
    ship(stream, deck)

    assert deck.data == b"0123456789abc"


def test_bytes_keep_the_time_at_which_they_were_seen(file: File, stream: Stream) -> None:
    for second in range(5):
        file.write(b"%d\n" % second)
        stream.look(at(second))
    deck = Deck()

    stream.begin(0)
    ship(stream, deck, at(100))

    assert [(frame.payload, frame.time) for frame in deck.frames] == [(b"%d\n" % n, at(n)) for n in range(5)]


def test_bytes_sent_again_keep_their_time_too(file: File, stream: Stream) -> None:
    stream.begin(0)
    for second in range(3):
        file.write(b"%d\n" % second)
        stream.look(at(second))
        stream.next_frame(at(second))
    stream.acknowledge(2, final=False)
    deck = Deck(b"0\n")

    stream.begin(2)
    ship(stream, deck, at(100))

    assert [(frame.payload, frame.time) for frame in deck.frames] == [(b"1\n", at(1)), (b"2\n", at(2))]


def test_marks_are_bounded_and_become_coarser_instead_of_more(file: File, stream: Stream) -> None:
    count = 10 * MOST_MARKS
    for second in range(count):
        file.write(b"%06d\n" % second)
        stream.look(at(second))
    deck = Deck()

    stream.begin(0)
    ship(stream, deck, at(count))

    assert len(deck.frames) <= MOST_MARKS + 1
    assert deck.data == file.path.read_bytes()
    for frame in deck.frames:
        first = int(frame.payload[:6])
        assert frame.time == at(first)
        assert len(frame.payload) // 7 <= 4 * count / MOST_MARKS


def test_what_is_acknowledged_is_given_back_but_for_the_end(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    text = os.urandom(1 << 16) * (3 * PUNCH_STEP // (1 << 16)) + b"rest"
    file.write(text)
    stream.look(NOON)

    ship(stream, deck)

    assert deck.data == text
    assert file.path.stat().st_size == len(text)
    assert file.path.stat().st_blocks * 512 <= PUNCH_STEP + KEPT_BYTES
    assert file.path.read_bytes()[-KEPT_BYTES:] == text[-KEPT_BYTES:]


def test_a_deck_that_lost_its_database_gets_what_is_left_and_is_told_what_is_missing(file: File) -> None:
    stream = Stream("b/r/out", file.path)
    stream.begin(0)
    file.write(b"x" * (PUNCH_STEP - 1) + b"\n" + b"y" * KEPT_BYTES + b"rest")
    stream.look(NOON)
    ship(stream, Deck())

    empty = Deck()
    stream.begin(None)
    ship(stream, empty)
    next_runner = Stream("b/r/out", file.path, stream.record())
    file.write(b" and more")
    next_runner.begin(empty.cursor)
    ship(next_runner, empty)

    assert empty.data == b"y" * KEPT_BYTES + b"rest and more"
    assert empty.gaps == [(0, PUNCH_STEP)]
    assert empty.notices == ["4.2 MB of output were dropped here: a deck had them, and their space was given back."]


@pytest.mark.parametrize("cursor", [None, 0])
def test_what_a_deck_had_long_ago_does_not_wait_again_and_is_no_reason_to_drop_what_does(
    file: File, stream: Stream, cursor: int | None
) -> None:
    """A deck whose database is away names no cursor, and one with an older database a low one."""
    deck = Deck()
    stream.begin(0)
    for _ in range(3):
        file.write(b"x" * (PUNCH_STEP - 1) + b"\n")
        stream.look(NOON)
        ship(stream, deck)
    file.write(b"not shipped\n" * (KEPT_BYTES // 6))
    stream.look(NOON)
    waiting = stream.waiting_bytes

    stream.begin(cursor)
    file.write(b"more\n")
    stream.look(NOON)

    assert stream.waiting_bytes == waiting + 5
    stream.begin(deck.cursor)
    ship(stream, deck)
    assert deck.cursor == stream.seen
    assert deck.gaps == []


def test_a_file_that_was_truncated_twice_before_the_deck_named_its_place_is_shipped(file: File) -> None:
    deck = Deck(b"0" * 1000)
    stream = Stream("b/r/out", file.path)
    stream.begin(1000)
    file.write(b"1" * 500)
    stream.look(NOON)
    file.path.write_bytes(b"")
    stream.look(NOON)
    file.write(b"after\n")

    ship(stream, deck)

    assert deck.data == b"0" * 1000 + b"after\n"


def test_a_file_that_was_truncated_goes_on_with_what_is_written_after(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"before ")
    stream.look(NOON)
    ship(stream, deck)

    os.truncate(file.path, 0)
    file.write(b"now")
    stream.look(NOON)
    ship(stream, deck)
    file.write(b" later")
    next_runner = Stream("b/r/out", file.path, stream.record())
    next_runner.begin(deck.cursor)
    ship(next_runner, deck)

    assert deck.data == b"before now later"
    assert deck.gaps == []
    (notice,) = deck.notices
    assert notice.startswith("Somebody truncated the file")


def test_what_a_truncation_took_before_it_was_shipped_is_counted(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"before ")
    stream.look(NOON)
    ship(stream, deck)
    file.write(b"never seen")
    stream.look(NOON)

    os.truncate(file.path, 0)
    file.write(b"now")
    stream.look(NOON)
    next_runner = Stream("b/r/out", file.path, stream.record())  # it ended before it could tell
    next_runner.begin(deck.cursor)
    ship(next_runner, deck)

    assert deck.data == b"before now"
    assert deck.gaps == [(7, 10)]
    (notice,) = deck.notices
    assert notice.startswith("10 bytes of output were dropped here: somebody truncated the file before they were")
    assert "Somebody truncated the file" in notice


def test_a_truncation_while_frames_are_on_their_way_is_told_once(file: File, stream: Stream) -> None:
    for arrives in (True, False):
        deck = Deck()
        file.path.write_bytes(b"")
        stream = Stream("b/r/out", file.path)
        stream.begin(0)
        file.write(b"before ")
        stream.look(NOON)
        frame = stream.next_frame(NOON)
        assert frame is not None

        os.truncate(file.path, 0)
        file.write(b"now")
        stream.look(NOON)
        if arrives:
            stream.acknowledge(deck.take(frame), final=False)
        else:
            stream.begin(0)
        ship(stream, deck)

        assert deck.data == (b"before now" if arrives else b"now")
        assert deck.cursor == 10
        assert sum("Somebody truncated" in notice for notice in deck.notices) == 1


def test_the_next_runner_knows_why_bytes_are_missing_that_were_cut_off_on_their_way(file: File, stream: Stream) -> None:
    stream.begin(0)
    file.write(b"0123456789\n" * 30_000)
    stream.look(NOON)
    on_their_way = stream.next_frame(NOON)
    assert on_their_way is not None
    file.path.write_bytes(b"")
    stream.look(NOON)
    file.write(b"after\n")

    deck, next_runner = Deck(), Stream("b/r/out", file.path, stream.record())
    next_runner.begin(0)
    ship(next_runner, deck)

    assert deck.data == b"after\n"
    assert deck.gaps[-1][0] + deck.gaps[-1][1] == 330_000
    assert "somebody truncated the file" in deck.notices[0]
    assert not any("a deck had them" in notice for notice in deck.notices)


def test_a_file_that_was_truncated_while_no_runner_lived_is_shipped_from_its_beginning(file: File) -> None:
    file.write(b"short")
    stream, deck = Stream("b/r/out", file.path), Deck(b"much longer than that")

    stream.begin(deck.cursor)
    ship(stream, deck)
    file.write(b"!")
    stream.look(NOON)
    ship(stream, deck)

    assert deck.data == b"much longer than thatshort!"
    assert len(deck.notices) == 1


def test_a_file_of_a_run_that_is_over_and_lost_its_end_repeats_nothing(file: File) -> None:
    file.write(b"short")
    stream, deck = Stream("b/r/out", file.path), Deck(b"much longer than that")
    stream.over = True

    stream.begin(len(deck.data))
    ship(stream, deck)

    assert deck.data == b"much longer than that"
    assert deck.final
    assert stream.complete
    assert len(deck.notices) == 1


def test_a_file_is_followed_when_its_name_is_gone(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    with file.path.open("ab", buffering=0) as bot:
        bot.write(b"before ")
        stream.look(NOON)
        file.path.unlink()
        bot.write(b"after")
        stream.look(NOON)
    ship(stream, deck)

    assert deck.data == b"before after"


def test_only_the_stream_whose_turn_it_is_has_its_file_open_when_a_run_is_over(file: File, stream: Stream) -> None:
    """After weeks without a deck there may be thousands."""
    file.write(b"text")
    stream.over = True

    stream.begin(0)
    before = _open_files(file.path)
    ship(stream, Deck())

    assert before == _open_files(file.path) == 0


def test_a_question_and_its_answer_open_no_file(file: File) -> None:
    stream = Stream("b/r/out", file.path)
    file.write(b"text")
    stream.end(NOON)

    stream.begin(None)
    assert stream.next_frame(NOON) is not None
    stream.acknowledge(2, final=False)

    assert _open_files(file.path) == 0
    assert (frame := stream.next_frame(NOON))
    assert (frame.offset, frame.payload, frame.final) == (2, b"xt", True)


def test_a_file_that_was_followed_until_the_end_is_read_after_its_name_is_gone(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    stream.look(NOON)
    file.write(b"last words")
    file.path.unlink()

    stream.end(NOON)
    ship(stream, deck)

    assert deck.data == b"last words"
    assert stream.complete


def test_what_cannot_be_read_now_is_shipped_later_with_all_that_was_written(file: File, stream: Stream) -> None:
    deck, aside = Deck(), file.path.with_name("aside")
    stream.begin(0)
    file.write(b"text")
    file.path.rename(aside)
    with pytest.raises(FileNotFoundError):
        stream.end(NOON)
    with pytest.raises(FileNotFoundError):
        stream.next_frame(NOON)

    aside.rename(file.path)
    ship(stream, deck)

    assert deck.data == b"text"
    assert stream.complete


def _open_files(path: Path) -> int:
    return sum(os.path.realpath(fd) == str(path) for fd in Path("/proc/self/fd").iterdir())


# What is dropped.

LINE = b"%07d\n"
LINES = b"".join(LINE % number for number in range(200_000))
"""1.6 MB in lines of 8 bytes, which no block of 4096 cuts."""


def test_the_oldest_is_dropped_in_whole_lines_and_the_gap_says_how_much_and_why(file: File, stream: Stream) -> None:
    text = b"an odd beginning\n" + LINES
    file.write(text)
    stream.look(NOON)

    dropped = stream.drop_oldest(1_000_000, "there was too much")
    stream.begin(0)
    deck = Deck()
    ship(stream, deck)

    ((begin, gap),) = deck.gaps
    assert 995_000 < dropped <= 1_000_000
    assert begin + gap + len(deck.data) - begin == len(text)
    assert deck.data == text[:begin] + text[begin + gap :]
    assert text[begin - 1 : begin] in (b"", b"\n")
    assert text[begin + gap - 1 : begin + gap] == b"\n"
    assert deck.notices == ["999.4 KB of output were dropped here: there was too much."]


def test_dropping_gives_the_space_back_and_the_end_of_the_file_stays(file: File, stream: Stream) -> None:
    file.write(LINES)
    stream.look(NOON)

    stream.drop_oldest(len(LINES), "there was too much")

    assert file.path.stat().st_blocks * 512 <= KEPT_BYTES + 8192
    assert file.path.read_bytes()[-KEPT_BYTES:] == LINES[-KEPT_BYTES:]
    assert stream.waiting_bytes <= KEPT_BYTES + 8192


def test_of_a_run_that_is_over_all_whole_blocks_can_be_dropped(file: File, stream: Stream) -> None:
    file.write(LINES)
    stream.end(NOON)

    stream.drop_oldest(len(LINES), "there was too much")
    stream.begin(0)
    deck = Deck()
    ship(stream, deck)

    assert deck.data == LINES[-len(deck.data) :]
    assert len(deck.data) < 4096
    assert deck.cursor == len(LINES)
    assert stream.complete


def test_what_is_on_its_way_is_not_dropped(file: File, stream: Stream) -> None:
    stream.begin(0)
    file.write(LINES)
    stream.look(NOON)
    sent = stream.next_frame(NOON)
    assert sent is not None

    stream.drop_oldest(len(LINES), "there was too much")
    deck = Deck()
    stream.begin(0)  # its answer was lost
    ship(stream, deck)

    assert deck.data.startswith(sent.payload[: -len(LINE % 0)])
    assert len(deck.data) + sum(gap for _, gap in deck.gaps) == len(LINES)


def test_the_next_runner_finds_what_was_dropped(file: File, stream: Stream) -> None:
    text = b"an odd beginning\n" + LINES
    file.write(text)
    stream.look(NOON)
    stream.drop_oldest(1_000_000, "there was too much")

    deck = Deck()
    next_runner = Stream("b/r/out", file.path, stream.record())
    next_runner.begin(0)
    ship(next_runner, deck)

    ((begin, gap),) = deck.gaps
    assert deck.data == text[:begin] + text[begin + gap :]
    assert b"\0" not in deck.data
    assert deck.notices == ["999.4 KB of output were dropped here: there was too much."]


def test_events_before_and_after_a_gap_are_whole(file: File) -> None:
    stream, deck = Stream("b/r/events", file.path, whole_lines=True), Deck()
    event = b'{"event":"x","text":"%0100d"}\n'
    text = b"".join(event % number for number in range(10_000))
    file.write(text)
    stream.look(NOON)

    stream.drop_oldest(600_000, "there was too much")
    stream.begin(0)
    ship(stream, deck)

    assert deck.gaps
    assert set(deck.data.splitlines(keepends=True)) <= set(text.splitlines(keepends=True))
    assert "events were dropped here" in deck.notices[0]


def test_what_is_held_is_shipped_when_it_is_let_go(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"0123456789")
    stream.look(NOON)

    stream.hold(4)
    ship(stream, deck)
    before = deck.data
    stream.hold(None)
    ship(stream, deck)

    assert (before, deck.data) == (b"0123", b"0123456789")


@pytest.mark.parametrize("kind", ["out", "events"])
@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_what_is_kept_and_what_is_missing_are_all_there_was(file: File, kind: str, seed: int) -> None:
    """Writes, drops, frames that are lost, runners that are killed; the deck's bytes are held against the file's."""
    luck, deck, written = random.Random(seed), Deck(), b""
    stream = Stream(f"b/r/{kind}", file.path, whole_lines=kind == "events")
    stream.fresh = True
    stream.begin(0)
    for step in range(60):
        match luck.choice(["write", "write", "drop", "drop", "ship", "ship", "cut", "kill"]):
            case "write":
                lines = b"".join(b"%d %s\n" % (step, b"x" * luck.randrange(200)) for _ in range(luck.randrange(4000)))
                written += lines
                file.write(lines)
                stream.look(at(step))
            case "drop" if luck.random() < 0.5:
                stream.drop_oldest(luck.randrange(1 << 19), "of the backlog")
            case "drop":
                begin = luck.randrange(stream.sent, stream.seen + 1)
                stream.drop(begin, min(stream.seen, begin + luck.randrange(1 << 18)), "of the flood")
            case "ship":
                for _ in range(luck.randrange(6)):
                    if frame := stream.next_frame(at(step)):
                        stream.acknowledge(deck.take(frame), final=deck.final)
            case "cut":
                if (frame := stream.next_frame(at(step))) and luck.random() < 0.5:
                    deck.take(frame)  # and its acknowledgement is lost
                stream.begin(deck.cursor)
            case "kill":
                stream.close()
                stream = Stream(f"b/r/{kind}", file.path, stream.record(), whole_lines=kind == "events")
                stream.begin(deck.cursor)
    stream.end(NOON)
    ship(stream, deck)

    assert stream.complete
    assert deck.cursor == len(written)
    for frame in deck.frames:
        begin = frame.offset + frame.gap
        assert frame.payload == written[begin : begin + len(frame.payload)]
        assert bool(frame.gap) == ("dropped here" in frame.notice)
        if kind == "events":
            assert written[:begin].endswith(b"\n") or begin == 0
            assert frame.payload.endswith(b"\n") or not frame.payload
    assert stream.waiting_bytes == 0


def test_a_truncation_is_noticed_although_the_file_is_longer_than_before(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"before\n")
    stream.look(NOON)
    ship(stream, deck)

    os.truncate(file.path, 0)
    file.write(b"after, and longer than what was there\n")
    stream.look(NOON)
    ship(stream, deck)

    assert deck.data == b"before\nafter, and longer than what was there\n"
    assert len(deck.notices) == 1


def test_where_no_holes_can_be_made_what_is_dropped_is_skipped(
    file: File, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holes, "_trouble", "No holes here.")
    file.write(LINES)
    stream.look(NOON)

    stream.drop_oldest(1_000_000, "there was too much")
    stream.begin(0)
    deck = Deck()
    ship(stream, deck)

    ((begin, gap),) = deck.gaps
    assert gap > 990_000
    assert deck.data == LINES[:begin] + LINES[begin + gap :]
    assert file.path.read_bytes() == LINES


def test_a_file_without_a_name_stays_open_until_the_deck_has_it(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(b"last words")
    stream.look(NOON)
    file.path.unlink()

    stream.end(NOON)
    stream.rest()
    ship(stream, deck)

    assert deck.data == b"last words"
    assert stream.complete


def test_a_file_that_is_gone_for_good_ends_its_stream_and_is_said(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.path.unlink()
    stream.over = True
    with pytest.raises(FileNotFoundError):
        stream.next_frame(NOON)

    stream.give_up()
    ship(stream, deck)

    assert deck.final
    assert stream.complete
    assert deck.notices == [
        "Somebody removed the file that this output goes to before all of it was shipped; the rest is lost."
    ]
