"""Argon2id, kept away from the event loop and from eating the machine."""

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from botdeck.errors import TooManyTries

SHORTEST = 12
LONGEST_BYTES = 1024
_AT_ONCE = 2
_LONGEST_QUEUE = 64
"""Further callers are sent away for a moment: 64 take about two seconds."""


def check_password(password: str) -> str:
    """Raises ValueError, in a sentence, unless the password may be chosen."""
    if len(password) < SHORTEST:
        raise ValueError(f"A password needs at least {SHORTEST} characters; this one has {len(password)}")
    if any(unicodedata.category(character) == "Cs" for character in password):
        raise ValueError("A password has no halves of characters; choose another one")
    if len(password.encode()) > LONGEST_BYTES:
        raise ValueError(f"A password has at most {LONGEST_BYTES} bytes")
    if len(set(password)) < 4:
        raise ValueError("A password needs at least four different characters")
    return password


def _as_bytes(password: str) -> bytes:
    # JSON can say half a character. That is the password of nobody, but it is looked at like any other.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


class Passwords:
    """Hashes and verifies, two at a time, in threads."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._queued = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        return await self._in_turn(password, None)

    async def fits(self, password: str, hashed: str | None) -> bool:
        """Costs the same when there is no such operator (`hashed` is None), so that time tells nothing."""
        if hashed is None:
            self._nobodys = self._nobodys or await self.hash("nobody has this password")
        answer = await self._in_turn(password, hashed or self._nobodys)
        return bool(answer) and hashed is not None

    def outdated(self, hashed: str) -> bool:
        return self._hasher.check_needs_rehash(hashed)

    async def _in_turn(self, password: str, hashed: str | None) -> str:
        if self._queued >= _LONGEST_QUEUE:
            raise TooManyTries(3)
        self._queued += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(self._work, _as_bytes(password), hashed)
        finally:
            self._queued -= 1

    def _work(self, password: bytes, hashed: str | None) -> str:
        """The new hash, or `hashed` when the password fits it, or nothing."""
        if hashed is None:
            return self._hasher.hash(password)
        try:
            self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return ""
        return hashed
