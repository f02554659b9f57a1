"""One file on its way to the deck: offsets, frames, times, gaps. A deck is played by a dictionary of bytes."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from botdeck.protocol.frames import MAX_DATA_BYTES, Data
from botdeck.runner.stream import MOST_IN_FLIGHT, MOST_MARKS, PUNCH_STEP, Stream

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
    """Applies a frame where its cursor stands."""

    def __init__(self) -> None:
        self.data = b""
        self.frames: list[Data] = []
        self.final = False

    def take(self, frame: Data) -> int:
        if frame.offset == len(self.data):
            self.data += frame.payload
            self.final = self.final or frame.final
            self.frames.append(frame)
        return len(self.data)


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
    deck = Deck()
    deck.data = b"bye"
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
    deck, sent = Deck(), list[Data]()
    deck.data = b"0123456789"
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
        stream, deck = Stream("b/r/out", file.path), Deck()
        file.path.write_bytes(b"0123456789")
        deck.data = has
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
    deck = Deck()
    deck.data = b"0123"  # of an older connection, committed after the welcome
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
    deck = Deck()
    deck.data = b"0\n"

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


def test_what_is_acknowledged_is_given_back(file: File, stream: Stream) -> None:
    deck = Deck()
    stream.begin(0)
    file.write(os.urandom(1 << 16) * (3 * PUNCH_STEP // (1 << 16)) + b"rest")
    stream.look(NOON)

    ship(stream, deck)

    assert file.path.stat().st_size == 3 * PUNCH_STEP + 4
    assert file.path.stat().st_blocks * 512 <= 8192


def test_a_deck_that_lost_its_database_gets_what_is_left_and_no_zeros(file: File) -> None:
    bases: list[int] = []
    stream = Stream("b/r/out", file.path, remember_base=lambda: bases.append(stream.base))
    stream.begin(0)
    file.write(b"x" * PUNCH_STEP + b"rest")
    stream.look(NOON)
    ship(stream, Deck())

    empty = Deck()
    stream.begin(None)
    ship(stream, empty)
    next_runner = Stream("b/r/out", file.path, base=bases[-1])
    file.write(b" and more")
    next_runner.begin(len(empty.data))
    ship(next_runner, empty)

    assert empty.data == b"rest and more"


def test_a_file_that_was_truncated_goes_on_with_what_is_written_after(file: File) -> None:
    bases: list[int] = []
    stream = Stream("b/r/out", file.path, remember_base=lambda: bases.append(stream.base))
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
    next_runner = Stream("b/r/out", file.path, base=bases[-1])
    next_runner.begin(len(deck.data))
    ship(next_runner, deck)

    assert deck.data == b"before now later"


def test_a_file_that_was_truncated_while_nobody_looked_repeats_nothing(file: File) -> None:
    file.write(b"short")
    stream, deck = Stream("b/r/out", file.path), Deck()
    deck.data = b"much longer than that"

    stream.begin(len(deck.data))
    ship(stream, deck)
    file.write(b"!")
    stream.look(NOON)
    ship(stream, deck)

    assert deck.data == b"much longer than that!"


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
