"""Runners of other hosts: one-time invitations, and the tokens of those that joined.

Documents of kind `invitation` (by the token's hash: name, expires_at, by, used_by) and `runner` (by name: key, host,
joined_at, invited_by, removed_at, removed_by). Of every token only the hash is kept.
"""

import hashlib
import re
import secrets
from datetime import timedelta

from botdeck.deck.clock import Clock
from botdeck.deck.fleet import Fleet
from botdeck.deck.tries import Tries
from botdeck.errors import ActionRefused, JoinRefused, RunnerExists, StorageConflict, UnknownRunner
from botdeck.models import Invitation, Joined
from botdeck.protocol.codec import parse_time, rfc3339
from botdeck.storage.port import Document, Storage

INVITATIONS = "invitation"
RUNNERS = "runner"
USUAL_INVITATION_S = 3600.0
SHORTEST_INVITATION_S = 1.0
LONGEST_INVITATION_S = 7 * 86_400.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_ASK_AGAIN = "Ask for a new one: `botdeck runner invite` on the deck's host."


def check_runner_name(name: str) -> str:
    """Raises ValueError with a sentence."""
    if not _NAME.match(name):
        raise ValueError(
            "A runner's name is letters, digits, '_', '-' and '.', a letter or digit first, at most 64 characters"
        )
    return name


class AccessEnded(JoinRefused):
    """The token was a joined runner's, and its access was taken away."""


class RunnerAccess:
    def __init__(self, storage: Storage, clock: Clock, fleet: Fleet) -> None:
        self._storage = storage
        self._clock = clock
        self._fleet = fleet
        self._tries = Tries()

    async def load(self) -> None:
        """Tell the fleet which runners joined."""
        documents = await self._storage.documents(RUNNERS)
        self._fleet.joined.clear()
        self._fleet.joined.update(document.id for document in documents if _stands(document))

    async def invite(self, name: str | None, for_s: float, *, by: str) -> Invitation:
        """Raises RunnerExists when a runner of that name is there already."""
        await self._sweep()
        if name is not None:
            await self._free_document(name)
        # The beginning says what it is, and is no hyphen, which a command line would take for an option.
        token = f"join_{secrets.token_urlsafe(32)}"
        expires_at = self._clock.now() + timedelta(seconds=for_s)
        body = {"name": name, "expires_at": rfc3339(expires_at), "by": by, "used_by": None}
        await self._storage.put_document(INVITATIONS, Document(id=_key(token), body=body))
        return Invitation(token=token, name=name, expires_at=expires_at)

    async def join(self, token: str, name: str | None, *, host: str, address: str) -> tuple[Joined, str]:
        """Its own token for the invitation's, and who invited. Raises JoinRefused, RunnerExists, TooManyTries."""
        key = (address, "an invitation")
        self._tries.begin(key, self._clock.seconds())
        invitation = await self._invitation(token)
        self._tries.succeeded(key)
        name = _name_for(invitation, name, host)
        document = await self._free_document(name)
        # Of many at the same time the first uses it, in any storage.
        try:
            used = {**invitation.body, "used_by": name}
            await self._storage.put_document(
                INVITATIONS, Document(id=invitation.id, body=used, version=invitation.version)
            )
        except StorageConflict:
            raise JoinRefused(f"That token was used at the same moment by somebody else. {_ASK_AGAIN}") from None
        own = f"runner_{secrets.token_urlsafe(32)}"
        body = {
            "key": _key(own),
            "host": host,
            "joined_at": rfc3339(self._clock.now()),
            "invited_by": invitation.body["by"],
        }
        try:
            await self._storage.put_document(RUNNERS, Document(id=name, body=body, version=document.version))
        except StorageConflict:
            raise RunnerExists(f"Another runner joined as {name} at the same moment. {_ASK_AGAIN}") from None
        self._fleet.joined.add(name)
        return Joined(runner=name, token=own), str(invitation.body["by"])

    async def runner_of(self, token: str) -> str | None:
        """Whose token it is, if a runner's. Raises AccessEnded when it was taken away."""
        key, found = _key(token), None
        for document in await self._storage.documents(RUNNERS):
            if secrets.compare_digest(key, document.body["key"]):
                found = document
        if found is not None and not _stands(found):
            raise AccessEnded(
                f"{found.body['removed_by']} took the access of runner {found.id} away at "
                f"{_minute(found.body['removed_at'])}. To let it in again: botdeck runner invite, on the deck's host."
            )
        return found.id if found else None

    async def remove(self, name: str, *, by: str) -> None:
        """Raises UnknownRunner, ActionRefused for the deck's own runner, StorageConflict."""
        document = await self._storage.document(RUNNERS, name)
        if document is None or not _stands(document):
            self._refuse_removal(name, removed=document is not None)
            return
        # It is remembered that it was there, so that it can be told so, and so that its name can be given again.
        body = {**document.body, "removed_at": rfc3339(self._clock.now()), "removed_by": by}
        await self._storage.put_document(RUNNERS, Document(id=name, body=body, version=document.version))
        self._fleet.joined.discard(name)

    def _refuse_removal(self, name: str, *, removed: bool) -> None:
        if not removed and (self._fleet.bots_of(name) or self._fleet.is_here(name)):
            raise ActionRefused(
                f"Runner {name} did not join with an invitation: it shows the runner-token of the deck's own data "
                f"directory, and cannot be removed from here."
            )
        known = ", ".join(sorted(self._fleet.joined)) or "none"
        raise UnknownRunner(f"No runner named '{name}' joined this deck. Those that did: {known}.")

    async def _invitation(self, token: str) -> Document:
        document = await self._storage.document(INVITATIONS, _key(token))
        if document is None:
            raise JoinRefused(f"This deck knows no such token. {_ASK_AGAIN}")
        if used_by := document.body["used_by"]:
            raise JoinRefused(f"That token was used already, by runner {used_by}. {_ASK_AGAIN}")
        if self._clock.now() >= parse_time(document.body["expires_at"]):
            raise JoinRefused(f"That token expired at {_minute(document.body['expires_at'])}. {_ASK_AGAIN}")
        return document

    async def _free_document(self, name: str) -> Document:
        """What is stored under a name that can be taken. Raises RunnerExists."""
        document = await self._storage.document(RUNNERS, name)
        if document is None and (self._fleet.is_here(name) or self._fleet.bots_of(name)):
            raise RunnerExists(f"There is a runner {name} already, the deck's own. Choose another name (--name).")
        if document is not None and _stands(document):
            raise RunnerExists(
                f"A runner {name} joined already, from {document.body['host']}. Choose another name (--name), or take "
                f"that one's access away first."
            )
        return document or Document(id=name)

    async def _sweep(self) -> None:
        """What can no longer be used, a day later: so long the reason is told to who tries."""
        longest_ago = self._clock.now() - timedelta(days=1)
        for document in await self._storage.documents(INVITATIONS):
            if parse_time(document.body["expires_at"]) < longest_ago:
                await self._storage.delete_document(INVITATIONS, document.id)


def _name_for(invitation: Document, asked: str | None, host: str) -> str:
    """Raises JoinRefused."""
    bound = invitation.body["name"]
    if bound is not None and asked not in (None, bound):
        raise JoinRefused(f"That token is for a runner called {bound}, not {asked}.")
    try:
        return check_runner_name(bound or asked or host)
    except ValueError as error:
        raise JoinRefused(f"{error}; {host!r} cannot be one, so say another (--name).") from None


def _stands(document: Document) -> bool:
    return "removed_at" not in document.body


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]} UTC"


def _key(token: str) -> str:
    # A plain hash will do: the token has 256 random bits.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
