"""What the deck keeps of what it published, and what somebody who was slow or away is given of it."""

import random
from collections.abc import Callable

import pytest

from botdeck.deck import topics
from botdeck.deck.topics import OVERVIEW, POLICIES, Latest, Tail, Topic, Update, in_writes, log_topic


def a_frame(text: str) -> Callable[[int], bytes]:
    return lambda seq: f"{text}@{seq}".encode()


def frames(updates: list[Update]) -> list[str]:
    return [update.frame.decode() for update in updates]


def a_log(*sizes: int, seq: int = 0) -> Topic:
    """One batch of so many lines after the other."""
    topic = Topic(log_topic("helper"), seq)
    for lines in sizes:
        topic.add("log", "", a_frame(f"{lines} lines"), lines)
    return topic


def test_of_each_key_the_newest_is_kept_in_the_order_of_their_seqs() -> None:
    topic = Topic(OVERVIEW, 10)
    for key in ("helper", "news", "helper", "third", "news"):
        topic.add("bot_status", key, a_frame(key))

    missed = topic.since(10)

    assert frames(missed.updates) == ["helper@13", "third@14", "news@15"]
    assert (topic.seq, missed.dropped) == (15, 0)
    assert frames(topic.since(13).updates) == ["third@14", "news@15"]
    assert topic.since(15).updates == []


def test_a_list_takes_the_place_of_all_statuses_and_samples_before_it_and_of_nothing_else() -> None:
    topic = Topic(OVERVIEW, 0)
    topic.add("bot_status", "helper", a_frame("helper"))
    topic.add("samples", "local", a_frame("samples"))
    topic.add("runners", "", a_frame("runners"))
    topic.add("bot_list", "", a_frame("list"))
    topic.add("bot_status", "news", a_frame("news"))

    assert frames(topic.since(0).updates) == ["runners@3", "list@4", "news@5"]


def test_of_lines_the_last_are_kept_and_the_others_counted() -> None:
    topic = a_log(300, 300, 300, 300)

    missed = topic.since(0)

    assert frames(missed.updates) == ["300 lines@2", "300 lines@3", "300 lines@4"]
    assert missed.dropped == 300
    assert topic.since(1).dropped == 0


def test_of_long_lines_fewer_are_kept_and_a_single_batch_always_is() -> None:
    topic = Topic(log_topic("helper"), 0)
    for _ in range(5):
        topic.add("log", "", lambda seq: b"x" * 100_000, 7)
    assert (len(topic.since(0).updates), topic.since(0).dropped) == (2, 21)

    topic.add("log", "", lambda seq: b"x" * 300_000, 7)
    assert (len(topic.since(0).updates), topic.since(0).dropped) == (1, 35)


def test_an_update_that_cannot_be_encoded_leaves_no_trace() -> None:
    topic = a_log(1)

    with pytest.raises(ZeroDivisionError):
        topic.add("log", "", lambda seq: bytes(1 // 0), 5)

    assert (topic.seq, frames(topic.since(0).updates), topic.since(0).dropped) == (1, ["1 lines@1"], 0)


def test_only_positions_that_this_topic_had_are_known() -> None:
    topic = a_log(1, 1, 1, seq=100)

    assert [seq for seq in range(90, 110) if topic.knows(seq)] == [100, 101, 102, 103]
    assert not any(map(topic.knows, (-1, 0, -(2**70), 2**70)))


def test_lines_that_cannot_be_counted_any_more_make_a_position_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_COUNTED_BATCHES", 4)
    topic = a_log(1, 2, 3, 4, 5, 6)

    assert [seq for seq in range(8) if topic.knows(seq)] == [3, 4, 5, 6]
    assert topic.since(3).dropped == 0


def test_however_many_statuses_came_since_a_position_stays_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_COUNTED_BATCHES", 4)
    topic = Topic(OVERVIEW, 5)
    for _ in range(100):
        topic.add("bot_status", "helper", a_frame("helper"))

    assert topic.knows(5)
    assert not topic.knows(4)
    assert frames(topic.since(5).updates) == ["helper@105"]


@pytest.mark.parametrize("seed", range(20))
def test_kept_and_dropped_lines_are_always_all_lines(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POLICIES, "log", Tail(most_lines=40, most_bytes=2000))
    monkeypatch.setattr(topics, "_COUNTED_BATCHES", 50)
    dice = random.Random(seed)
    topic, ends = Topic(log_topic("helper"), 7), [0]
    for _ in range(120):
        size = dice.choice((1, 1, 5, 39, 60))
        topic.add("log", "", lambda seq: b"x" * dice.randrange(1, 900), size)
        ends.append(ends[-1] + size)

        for seq in filter(topic.knows, range(7, topic.seq + 1)):
            missed = topic.since(seq)
            assert sum(update.lines for update in missed.updates) + missed.dropped == ends[-1] - ends[seq - 7]
        kept = topic.since(7).updates
        assert len(kept) == 1 or (sum(u.lines for u in kept) <= 40 and sum(len(u.frame) for u in kept) <= 2000)


def test_writes_are_as_large_as_allowed_and_a_larger_update_goes_alone() -> None:
    updates = [("t", Update(n, b"x" * size)) for n, size in enumerate((30, 30, 50, 200, 10, 80, 20))]

    parts = [[len(update.frame) for _, update in part] for part in in_writes(updates, 100)]

    assert parts == [[30, 30], [50], [200], [10, 80], [20]]
    assert list(in_writes([], 100)) == []


def test_every_kind_of_update_has_a_policy_and_only_lines_are_a_tail() -> None:
    assert {kind for kind, policy in POLICIES.items() if isinstance(policy, Tail)} == {"log"}
    assert all(
        kind in POLICIES for policy in POLICIES.values() if isinstance(policy, Latest) for kind in policy.supersedes
    )
