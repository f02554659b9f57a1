"""On a WebSocket that was opened as it should be."""

import json
from collections.abc import Callable
from random import Random

from bench.hostile import Attack, cut

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_BAD_UTF8 = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xce\xba\xe1\xbd", b"a\x80")
_BAD_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535)


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    declared: int | None = None,
    widest: bool = False,
) -> bytes:
    """`declared` is a length that need not be that of the payload."""
    length = len(payload) if declared is None else declared
    bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    if widest or length > 0xFFFF:
        head += bytes([bit | 127]) + length.to_bytes(8, "big")
    elif length > 125:
        head += bytes([bit | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([bit | length])
    # A mask of zeros leaves the payload as it is.
    return head + (bytes(4) if masked else b"") + payload


def _payload(random: Random, most: int = 300) -> bytes:
    return random.randbytes(random.randint(0, most))


def _reserved_bits(random: Random) -> Attack:
    opcode = random.choice((TEXT, BINARY, PING, CLOSE))
    return _one("reserved bits", frame(opcode, b"abc", reserved=random.randint(1, 7)), random)


def _reserved_opcode(random: Random) -> Attack:
    opcode = random.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15))
    return _one("reserved opcode", frame(opcode, _payload(random, 125)), random)


def _unmasked(random: Random) -> Attack:
    return _one("unmasked", frame(random.choice((TEXT, PING, CLOSE)), b"", masked=False), random)


def _bad_control(random: Random) -> Attack:
    opcode = random.choice((CLOSE, PING, PONG))
    if random.random() < 0.5:
        return _one("control frame in fragments", frame(opcode, b"ab", fin=False), random)
    return _one("control frame too long", frame(opcode, b"x" * random.randint(126, 400)), random)


def _huge_length(random: Random) -> Attack:
    declared = random.choice((2**63 - 1, 2**64 - 1, 2**63, 2**40, (1 << 20) + 1))
    return _one("huge length", frame(random.choice((TEXT, BINARY)), b"abc", declared=declared), random)


def _cut_short(random: Random) -> Attack:
    data = frame(random.choice((TEXT, PING)), _payload(random, 125), widest=random.random() < 0.3)
    return Attack("frame cut short", cut(data[: random.randint(1, len(data) - 1)], random), must_end=False)


def _bad_order(random: Random) -> Attack:
    if random.random() < 0.5:
        return _one("continuation of nothing", frame(CONT, b"abc", fin=random.random() < 0.5), random)
    data = frame(TEXT, b"one", fin=False) + frame(random.choice((TEXT, BINARY)), b"two", fin=random.random() < 0.5)
    return _one("interleaved fragments", data, random)


def _endless_fragments(random: Random) -> Attack:
    piece = frame(CONT, b"x" * random.choice((1000, 30_000)), fin=False)
    count = (2 << 20) // len(piece)
    return Attack("endless fragments", (frame(TEXT, fin=False), *[piece] * count))


def _empty_fragments(random: Random) -> Attack:
    pieces = frame(CONT, fin=False) * random.randint(1, 5000)
    return Attack("empty fragments", (frame(TEXT, fin=False), pieces), must_end=False)


def _bad_close(random: Random) -> Attack:
    payload = random.choice(
        (
            b"\x03",
            b"\x03\xe8" + random.choice(_BAD_UTF8),
            random.choice(_BAD_CODES).to_bytes(2, "big"),
            random.choice(_BAD_CODES).to_bytes(2, "big") + b"reason",
        )
    )
    return _one("bad close", frame(CLOSE, payload), random)


def _after_close(random: Random) -> Attack:
    more = random.choice((_payload(random), frame(TEXT, b"{}") * 10, frame(PING) * 100, frame(CLOSE)))
    begun = frame(TEXT, b"begun", fin=False) if random.random() < 0.3 else b""
    return _one("bytes after close", begun + frame(CLOSE, b"\x03\xe8") + more, random)


def _bad_text(random: Random) -> Attack:
    bad = random.choice(_BAD_UTF8)
    at = random.randint(0, len(bad))
    data = frame(TEXT, b"abc" + bad[:at], fin=False) + frame(PING) + frame(CONT, bad[at:])
    data += random.choice((b"", frame(CLOSE, b"\x03\xe8"), frame(PING, b"x") * 50, frame(TEXT, bad)))
    return _one("bad UTF-8", data, random)


def _unread_pings(random: Random) -> Attack:
    pings = frame(PING, b"p" * 125) * 200
    return Attack("unread pings", (pings,) * random.randint(1, 20), must_end=False, reads=False)


def _noise(random: Random) -> Attack:
    return Attack("noise", cut(_payload(random, 3000), random), must_end=False)


def _flipped(random: Random) -> Attack:
    """What is right but for a few bits."""
    data = bytearray(frame(TEXT, b'{"type":"subscribe","bot":null}') + frame(PING, b"abc") + frame(BINARY, b"xyz") * 3)
    for _ in range(random.randint(1, 4)):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return Attack("flipped bits", cut(bytes(data), random), must_end=False)


def _nonsense(random: Random) -> Attack:
    """Good frames without sense."""
    value = random.choice((None, 1, [], {}, {"type": "subscribe", "bot": 5}, {"type": "hello"}, "x" * 1000))
    text = random.choice((json.dumps(value).encode(), b"[" * 50_000, b"", b"\x00", "ä".encode() * 999))
    return Attack("nonsense", cut(frame(random.choice((TEXT, BINARY)), text), random), must_end=False)


def _wishes(random: Random) -> Attack:
    """More than can be served, and none of it read."""
    wish = frame(TEXT, json.dumps({"type": "subscribe", "bot": random.choice(("helper", "none", None))}).encode())
    return Attack("flood of wishes", (wish * 300,), must_end=False, reads=False)


def _one(name: str, data: bytes, random: Random) -> Attack:
    before = frame(PING, b"first") * random.randint(0, 2)
    return Attack(name, cut(before + data, random))


KINDS: tuple[Callable[[Random], Attack], ...] = (
    _reserved_bits,
    _reserved_opcode,
    _unmasked,
    _bad_control,
    _huge_length,
    _cut_short,
    _bad_order,
    _endless_fragments,
    _empty_fragments,
    _bad_close,
    _after_close,
    _bad_text,
    _unread_pings,
    _noise,
    _flipped,
    _nonsense,
    _wishes,
)
