"""Instead of a decent request. `host` is the deck's own, for most attacks have to get past the first look."""

from collections.abc import Callable
from random import Random

from bench.hostile import Attack, cut
from bench.hostile.frames import PING, TEXT, frame

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def request(first: str, host: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join((first, f"Host: {host}", *lines, "", "")).encode("latin-1") + body


def handshake(path: str, host: str, headers: dict[str, str], *, first: str = "GET {} HTTP/1.1") -> bytes:
    lines = [f"{name}: {value}" for name, value in {**HANDSHAKE, **headers}.items()]
    return request(first.format(path), host, *lines)


def _garbage(random: Random, host: str) -> Attack:
    data = random.choice(
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(200) + b"\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\r\n\r\n",
            random.randbytes(random.randint(1, 200)).replace(b"\n", b"") + b"\r\n\r\n",
            request("GET / HTTP/1.1", host, "no colon here"),
            request("GET / HTTP/1.1", host, "Bad\x00Name: x"),
            request("GET /\x01 HTTP/1.1", host),
            b"GET / HTTP/1.1\r\n\r\n",
        )
    )
    return Attack("garbage", cut(data, random))


def _too_much(random: Random, host: str) -> Attack:
    endless = random.choice((b"X-%d: y\r\n" % random.randint(0, 9), b"x", b"X" * 1000 + b": y\r\n"))
    start = f"GET / HTTP/1.1\r\nHost: {host}\r\n".encode() if random.random() < 0.7 else b"GET /"
    return Attack("head without end", (start, *[endless * (20_000 // len(endless) + 1)] * 4))


def _unfinished(random: Random, host: str) -> Attack:
    whole = random.choice((request("GET /health HTTP/1.1", host), handshake("/ws/1", host, {})))
    return Attack("head cut short", cut(whole[: random.randint(0, len(whole) - 2)], random), must_end=False)


def _bad_length(random: Random, host: str) -> Attack:
    lines = random.choice(
        (
            ("Content-Length: -1",),
            ("Content-Length: 5", "Content-Length: 6"),
            ("Content-Length: 99999999999999999999999",),
            ("Content-Length: x",),
            ("Transfer-Encoding: gzip",),
        )
    )
    return Attack("bad length", cut(request("POST /api/auth/login HTTP/1.1", host, *lines), random))


def _bad_chunk(random: Random, host: str) -> Attack:
    """After a good one, so that the app reads or has answered already."""
    path = random.choice(("/api/auth/login", "/api/bots", "/nowhere"))
    head = request(f"POST {path} HTTP/1.1", host, "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
    return Attack("bad chunk", (head, random.choice((b"zz\r\n", b"ffffffffffffffffffffffff\r\n", b"-1\r\nabc\r\n"))))


def _half_body(random: Random, host: str) -> Attack:
    length = random.choice((10, 100_000, 10**9))
    path = random.choice(("/api/auth/login", "/api/setup", "/api/bot/start"))
    head = request(f"POST {path} HTTP/1.1", host, f"Content-Length: {length}", body=b'{"name":')
    return Attack("half a body", cut(head, random), must_end=False)


def _odd_request(random: Random, host: str) -> Attack:
    first = random.choice(
        (
            "OPTIONS * HTTP/1.1",
            f"CONNECT {host} HTTP/1.1",
            "GET http://other.example/ HTTP/1.1",
            "GET //%2e%2e/%00/%ff HTTP/1.1",
            "HEAD /health HTTP/1.0",
            "BREW /api/bots HTTP/1.1",
            "GET / HTTP/9.9",
            "GET /api/bots?x=%ff&" + "y=1&" * 500 + " HTTP/1.1",
        )
    )
    lines = random.choice(((), ("Upgrade: h2c", "Connection: Upgrade"), ("Expect: 100-continue",), ("Cookie: =;;=",)))
    return Attack("odd request", cut(request(first, host, *lines), random), must_end=False)


def _pipeline(random: Random, host: str) -> Attack:
    many = request("GET /health HTTP/1.1", host) * random.randint(2, 100)
    return Attack("pipeline", cut(many, random), must_end=False, reads=random.random() < 0.5)


def _bad_handshake(random: Random, host: str) -> Attack:
    path = random.choice(("/ws/1", "/api/runner/link", "/nowhere"))
    data = random.choice(
        (
            handshake(path, host, {"Sec-WebSocket-Key": "short"}),
            handshake(path, host, {"Sec-WebSocket-Version": "12"}),
            handshake(path, host, {}, first="POST {} HTTP/1.1"),
            handshake(path, host, {f"X-{n}": "y" for n in range(150)}),
            handshake(path, host, {"X-Long": "y" * 9000}),
            handshake(path, host, {"Content-Length": "5"}),
            handshake(path, host, {"Transfer-Encoding": "chunked"}),
            handshake(path + "?" + "x" * 9000, host, {}),
            handshake(path, host, {"Sec-WebSocket-Extensions": "a;;b"}),
            handshake(path, host, {"Upgrade": "websocket, x"}),
        )
    )
    # What is wrong in the last two is nothing wrong to uvicorn, which has the app refuse.
    return Attack("bad handshake", cut(data, random), must_end=b"websocket, x" not in data and b"a;;b" not in data)


def _hasty(random: Random, host: str) -> Attack:
    """Frames before the handshake was answered."""
    data, early = handshake(random.choice(("/ws/1", "/nowhere")), host, {}), frame(TEXT, b"{}") + frame(PING)
    if random.random() < 0.5:
        return Attack("hasty", (data + early,))
    return Attack("hasty", (data, early), must_end=False)


KINDS: tuple[Callable[[Random, str], Attack], ...] = (
    _garbage,
    _too_much,
    _unfinished,
    _bad_length,
    _bad_chunk,
    _half_body,
    _odd_request,
    _pipeline,
    _bad_handshake,
    _hasty,
)
