"""The runners of all hosts: who they are, how another one joins, and how its access is taken away."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator, Field

from botdeck.deck.context import ClientAddress, CurrentDeck, CurrentPrincipal
from botdeck.deck.errors import documented
from botdeck.deck.permissions import Permission, requires
from botdeck.deck.runner_access import (
    LONGEST_INVITATION_S,
    SHORTEST_INVITATION_S,
    USUAL_INVITATION_S,
    check_runner_name,
)
from botdeck.errors import BotdeckError
from botdeck.models import Invitation, Joined, RunnerStatus

router = APIRouter(prefix="/api", tags=["runners"])

RunnerName = Annotated[str, AfterValidator(check_runner_name)]
ShortText = Annotated[str, Field(max_length=256)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationForm:
    name: RunnerName | None = None
    """What the runner has to be called; without it that is its own choice."""
    for_s: Annotated[float, Field(ge=SHORTEST_INVITATION_S, le=LONGEST_INVITATION_S)] = USUAL_INVITATION_S


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinForm:
    token: ShortText
    host: ShortText
    name: RunnerName | None = None
    """Without it the name that the invitation says, or else the host's."""


@router.get("/runners", summary="All runners", responses=documented(401))
@requires(Permission.READ)
async def list_runners(deck: CurrentDeck) -> list[RunnerStatus]:
    """By name, each with its host's load as last told."""
    return deck.fleet.runners()


@router.post("/runners/invitations", summary="Invite a runner", responses=documented(400, 401, 403, 409, 503))
@requires(Permission.ADMINISTER)
async def invite_runner(form: InvitationForm, deck: CurrentDeck, principal: CurrentPrincipal) -> Invitation:
    """A token that lets one runner of another host in, once. 409 when the name is taken."""
    invitation = await deck.runner_access.invite(form.name, form.for_s, by=principal.record_name)
    await deck.audit.record("runner invited", principal.record_name, runner=form.name, for_s=form.for_s)
    return invitation


@router.post("/runner/join", summary="Join with an invitation", responses=documented(400, 403, 409, 429, 503))
@requires(Permission.PUBLIC)
async def join(form: JoinForm, deck: CurrentDeck, address: ClientAddress) -> Joined:
    """What `botdeck runner join` asks: the runner's own token for its one-time token. Works once."""
    name = form.name or form.host
    try:
        joined, invited_by = await deck.runner_access.join(form.token, form.name, host=form.host, address=address)
    except BotdeckError as error:
        await deck.audit.record("join refused", name, address=address, reason=str(error))
        raise
    await deck.audit.record("runner joined", joined.runner, host=form.host, address=address, invited_by=invited_by)
    return joined


@router.delete(
    "/runners/{name}",
    status_code=204,
    summary="Take a runner's access away",
    responses=documented(401, 403, 404, 409, 503),
)
@requires(Permission.ADMINISTER)
async def remove_runner(
    name: Annotated[str, Path(description="The runner's name.")], deck: CurrentDeck, principal: CurrentPrincipal
) -> None:
    """Its link ends at once and its bots are unknown; on their host they go on. 409 for the deck's own runner."""
    await deck.runner_access.remove(name, by=principal.record_name)
    await deck.audit.record("runner removed", principal.record_name, runner=name)
    await deck.runners.dismiss(name, by=principal.record_name)
