"""The one place where Botdeck's errors become HTTP answers: {"detail": a sentence, "code": snake_case}."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import JSONResponse, Response

from botdeck import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What every answer other than a success says."""

    __pydantic_config__: ClassVar[Any] = {"use_attribute_docstrings": True}

    detail: str
    """A sentence for the person who reads it."""
    code: str
    """The kind of problem, for programs."""


# The narrowest class that fits is taken.
_ANSWERS: dict[type[errors.BotdeckError], tuple[int, str]] = {
    errors.BotdeckError: (500, "internal"),
    errors.ConfigError: (500, "bad_configuration"),
    errors.ProtocolError: (400, "bad_frame"),
    errors.UnknownBot: (404, "unknown_bot"),
    errors.UnknownRun: (404, "unknown_run"),
    errors.UnknownRunner: (404, "unknown_runner"),
    errors.RunnerExists: (409, "runner_exists"),
    errors.JoinRefused: (403, "join_refused"),
    errors.ActionRefused: (409, "action_refused"),
    errors.RunnerAway: (503, "runner_away"),
    errors.DeckBusy: (503, "deck_busy"),
    errors.BadBatch: (400, "bad_batch"),
    errors.BotTokenRefused: (409, "token_refused"),
    errors.UnknownBotToken: (404, "unknown_token"),
    errors.TooManyPosts: (429, "too_many_posts"),
    errors.StorageError: (503, "database_unavailable"),
    errors.StorageConflict: (409, "conflict"),
    errors.SignInFailed: (401, "sign_in_failed"),
    errors.SetupRefused: (403, "setup_refused"),
    errors.TooManyTries: (429, "too_many_tries"),
}
_DATABASE_RETRY_S = 5
"""A full disk or a locked database may be mended by then."""
_CODES = {
    400: "bad_request",
    401: "sign_in_needed",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    421: "unknown_host",
}
_MEANINGS = {
    400: "The request cannot be understood.",
    401: "Nobody is signed in, or name or password are wrong.",
    403: "The role does not suffice, or the request came from another site.",
    404: "There is no such bot, run or runner.",
    409: "What was asked makes no sense as things are.",
    413: "The request is larger than 1 MiB.",
    429: "Too many failed attempts, or too much at once; `Retry-After` says when to try again.",
    503: "The bot's runner is away, or the database cannot be used.",
}


def problem(status: int, detail: str, code: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    body = {"detail": detail, "code": code or _CODES.get(status, "error")}
    return JSONResponse(body, status, headers)


def answer_for(error: errors.BotdeckError) -> JSONResponse:
    status, code = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    headers = {"Retry-After": f"{_DATABASE_RETRY_S}"} if code == "database_unavailable" else None
    if isinstance(error, errors.TooManyTries | errors.DeckBusy | errors.TooManyPosts):
        headers = {"Retry-After": f"{error.retry_after_s:.0f}"}
    return problem(status, str(error), code, headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: the answers it gives besides the good one."""
    return {status: {"model": Problem, "description": _MEANINGS[status]} for status in sorted(statuses)}


def install(app: FastAPI) -> None:
    app.exception_handler(errors.BotdeckError)(_botdeck_error)
    app.exception_handler(StarletteHTTPException)(_http_exception)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(Exception)(_unexpected)


async def _botdeck_error(request: Request, error: errors.BotdeckError) -> Response:
    return answer_for(error)


async def _http_exception(request: Request, error: HTTPException) -> Response:
    detail = f"There is nothing at {request.url.path}." if error.detail == "Not Found" else str(error.detail)
    return problem(error.status_code, detail, headers=dict(error.headers) if error.headers else None)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    return problem(400, sentence(error.errors()))


async def _unexpected(request: Request, error: Exception) -> Response:
    # The server above logs the traceback; it is nothing for the page.
    return problem(500, "The deck made a mistake with this request; its log says more.", "internal")


def sentence(invalid: Sequence[Any]) -> str:
    """Pydantic's findings as words: `limit: Input should be less than or equal to 1000.`"""
    findings = []
    for one in invalid:
        where = ".".join(str(part) for part in one["loc"][1:])
        # Our own validators speak in sentences already.
        message = one["msg"].removeprefix("Value error, ").rstrip(".")
        findings.append(message if one["type"] == "value_error" or not where else f"{where}: {message}")
    return "; ".join(findings) + "."
