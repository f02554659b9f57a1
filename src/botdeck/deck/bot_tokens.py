"""The tokens of bots that run elsewhere: one each, good for reporting and nothing else.

Documents of kind `bot_token` (by the token's hash: bot, made_at, made_by, revoked_at, revoked_by). The token itself is
never kept, and a revoked one is remembered, so that it can be told so.
"""

import asyncio
import hashlib
import secrets

from botdeck.deck.clock import Clock
from botdeck.deck.fleet import ELSEWHERE, Fleet
from botdeck.deck.remote_bots import RemoteBots
from botdeck.errors import BotTokenRefused, ProtocolError, StorageError, UnknownBotToken
from botdeck.models import BotToken, NewBotToken
from botdeck.protocol.codec import from_json, rfc3339, to_json
from botdeck.settings import BOT_NAME, EVERY_BOT
from botdeck.storage.port import Document, Storage

BOT_TOKENS = "bot_token"


class TokenRevoked(BotTokenRefused):
    """The token was a bot's, and is no good any more."""


class BotTokens:
    def __init__(self, storage: Storage, clock: Clock, fleet: Fleet, remote: RemoteBots) -> None:
        self._storage = storage
        self._clock = clock
        self._fleet = fleet
        self._remote = remote
        self._changing = asyncio.Lock()
        """Two tokens for one name at the same moment would both be good."""

    async def load(self) -> None:
        """Show the bots that have one."""
        await self._remote.load(token.bot for token in await self.all() if token.revoked_at is None)

    async def all(self) -> list[BotToken]:
        """By bot, the latest of each last."""
        tokens = [_token(document) for document in await self._storage.documents(BOT_TOKENS)]
        return sorted(tokens, key=lambda token: (token.bot, token.made_at))

    async def make(self, bot: str, *, by: str) -> NewBotToken:
        """From now on the bot is shown. Raises BotTokenRefused when the name cannot be given."""
        async with self._changing:
            await self._check(bot)
            token = f"bot_{secrets.token_urlsafe(32)}"
            body = to_json(BotToken(bot=bot, made_at=self._clock.now(), made_by=by))
            await self._storage.put_document(BOT_TOKENS, Document(id=_key(token), body=body))
            self._remote.add(bot)
        return NewBotToken(bot=bot, token=token)

    async def bot_of(self, token: str) -> str | None:
        """Whose token it is, if a bot's. Raises TokenRevoked."""
        document = await self._storage.document(BOT_TOKENS, _key(token))
        if document is None:
            return None
        found = _token(document)
        if found.revoked_at is not None:
            raise TokenRevoked(
                f"{found.revoked_by} revoked this token of bot {found.bot} at {rfc3339(found.revoked_at)[:16]}Z. For a "
                f"new one: botdeck token {found.bot}, on the deck's host."
            )
        return found.bot

    async def revoke(self, bot: str, *, by: str) -> None:
        """The bot is shown no more. Raises UnknownBotToken."""
        async with self._changing:
            document = await self._standing(bot)
            if document is None:
                known = ", ".join(token.bot for token in await self.all() if token.revoked_at is None)
                raise UnknownBotToken(f"Bot '{bot}' has no token. Bots that have one: {known or 'none'}.")
            body = {**document.body, "revoked_at": rfc3339(self._clock.now()), "revoked_by": by}
            await self._storage.put_document(BOT_TOKENS, Document(id=document.id, body=body, version=document.version))
            self._remote.remove(bot)

    async def _check(self, bot: str) -> None:
        if not BOT_NAME.match(bot) or bot == EVERY_BOT:
            raise BotTokenRefused(
                f"A bot's name is letters, digits, '_', '-' and '.', a letter or digit first, at most 63, and not "
                f"'{EVERY_BOT}'; {bot!r:.80} is none."
            )
        if bot in self._fleet and self._fleet.runner_of(bot) != ELSEWHERE:
            raise BotTokenRefused(
                f"Bot {bot} is kept by runner {self._fleet.runner_of(bot)}, through which it reports already. Choose "
                f"another name for the one that runs elsewhere."
            )
        if await self._standing(bot):
            raise BotTokenRefused(
                f"Bot {bot} has a token, and tokens are shown once. For another one say first: "
                f"botdeck token --revoke {bot}"
            )

    async def _standing(self, bot: str) -> Document | None:
        for document in await self._storage.documents(BOT_TOKENS):
            if document.body.get("bot") == bot and document.body.get("revoked_at") is None:
                return document
        return None


def _token(document: Document) -> BotToken:
    try:
        return from_json(BotToken, document.body)
    except ProtocolError as error:
        raise StorageError(f"A token in the database cannot be read: {error}") from None


def _key(token: str) -> str:
    # A plain hash will do: the token has 256 random bits.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
