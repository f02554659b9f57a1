"""What a library asks of its platform through an aiohttp session, from the tracing that aiohttp has for this.

Nothing is wrapped, so that no line of ours stands in the traceback of a call that fails, and answers that a library
deals with by itself ("too many requests") are seen as well.
"""

from __future__ import annotations

import time

from botdeck.sdk import api
from botdeck.sdk.client import emit, guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_TOO_MANY_REQUESTS = 429
_MARK = "__botdeck__"


def watch(session: Any, template: Callable[[str], str | None]) -> None:
    """Twice is the same as once. `template` makes of a URL's path one without ids and secrets, or None when it is none
    of the API's."""
    configs = session._trace_configs
    if any(hasattr(config, _MARK) for config in configs):
        return
    import aiohttp

    config: Any = aiohttp.TraceConfig()
    setattr(config, _MARK, True)
    _listen(config, template)
    config.freeze()
    configs.append(config)


def _listen(config: Any, template: Callable[[str], str | None]) -> None:
    async def begun(_: Any, context: Any, request: Any) -> None:
        context.began = time.perf_counter()

    async def answered(_: Any, context: Any, request: Any) -> None:
        tell(context, request, request.response.status, None)

    async def failed(_: Any, context: Any, request: Any) -> None:
        tell(context, request, None, request.exception)

    @guard
    def tell(context: Any, request: Any, status: int | None, exc: BaseException | None) -> None:
        path = template(request.url.path)
        if path is not None:
            _called(path, request.method, (time.perf_counter() - context.began) * 1000, status, exc)

    config.on_request_start.append(begun)
    config.on_request_end.append(answered)
    config.on_request_exception.append(failed)


def _called(path: str, method: str, took_ms: float, status: int | None, exc: BaseException | None) -> None:
    limited = status == _TOO_MANY_REQUESTS
    failed = exc is not None or (status is not None and status >= 400)
    api.called(took_ms, failed=failed and not limited, rate_limited=limited)
    if not failed:
        return
    about: dict[str, object] = {"http.request.method": method, "url.template": path}
    if status is not None:
        about["http.response.status_code"] = status
    emit("api.error", **about, **{"error.type": str(status) if exc is None else type(exc).__name__})
