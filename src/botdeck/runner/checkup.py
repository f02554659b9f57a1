"""The health of one run in course: put together from what the bot says, what it prints and what it answers."""

from collections.abc import Callable

from botdeck.lifecycle import Deaf, Happening, Hears, Life, Ready
from botdeck.models import State
from botdeck.runner import process
from botdeck.runner.health import Health
from botdeck.runner.listener import Listener
from botdeck.runner.probe import Prober
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.stream import Stream
from botdeck.settings import BotSettings


class Checkup:
    """From a run's start, or its adoption, to `close`. `news` is called when `verdict` should be asked again."""

    def __init__(self, run: RunDirectory, settings: BotSettings, news: Callable[[], None]) -> None:
        self._health = Health(settings, process.boot_clock())
        self._listener = Listener(run, self._health, news)
        self._news = news
        self._prober: Prober | None = None
        if settings.probe is not None:
            self._prober = Prober(settings.probe, settings.probe_interval_s, self._probed)

    def was_ready(self) -> None:
        self._health.was_ready()

    def grew(self, stream: Stream) -> None:
        self._listener.grew(stream)

    def verdict(self, life: Life) -> Happening | None:
        """What lifecycle does not know yet."""
        match life.state:
            case State.STARTING:
                return Ready() if self._health.ready else None
            case State.RUNNING | State.UNHEALTHY:
                if self._prober is not None:
                    self._prober.start()
                return self._deaf_or_not(life)
            case _:
                return None

    @property
    def why_not_ready(self) -> str:
        return self._health.why_not_ready

    def next_look_at(self, life: Life) -> float | None:
        return self._health.next_look_at() if life.state in (State.RUNNING, State.UNHEALTHY) else None

    def close(self) -> None:
        if self._prober is not None:
            self._prober.stop()

    def _deaf_or_not(self, life: Life) -> Happening | None:
        trouble = self._listener.trouble()
        if trouble is None:
            return Hears() if life.state is State.UNHEALTHY else None
        return Deaf(reason=trouble) if life.reason != trouble else None

    def _probed(self, failure: str | None) -> None:
        self._health.probed(failure, process.boot_clock())
        self._news()
