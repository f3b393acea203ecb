"""What came of a call: its outcome, and every hop on the way with its times. Values only."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from callrouter.caller.redirects import Skipped
from callrouter.wire import Transport


class Outcome(StrEnum):
    """What came of a call, in the order in which it gets worse."""

    ANSWERED = "answered"
    """And hung up well, by either side."""
    REFUSED = "refused"
    """A final answer of 400 to 699."""
    REDIRECT_FAILED = "redirect-failed"
    """A 3xx that cannot be followed."""
    UNREACHABLE = "unreachable"
    """No connection came about, or it was lost before the answer."""
    NO_ANSWER = "no-answer"
    """Nothing final came in time."""
    BROKEN = "broken"
    """It was answered, but its session description, its connection or its end was not as it should be."""
    CANCELLED = "cancelled"
    """We gave it up before the answer."""


class HopEnd(StrEnum):
    """How one hop ended."""

    ANSWERED = "answered"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    NO_CONNECTION = "no-connection"
    CONNECTION_LOST = "connection-lost"
    NO_ANSWER = "no-answer"
    CANCELLED = "cancelled"


OUTCOMES: Final = MappingProxyType({
    HopEnd.ANSWERED: Outcome.ANSWERED,
    HopEnd.REDIRECTED: Outcome.REDIRECT_FAILED,
    HopEnd.REFUSED: Outcome.REFUSED,
    HopEnd.NO_CONNECTION: Outcome.UNREACHABLE,
    HopEnd.CONNECTION_LOST: Outcome.UNREACHABLE,
    HopEnd.NO_ANSWER: Outcome.NO_ANSWER,
    HopEnd.CANCELLED: Outcome.CANCELLED,
})  # fmt: skip
"""What the end of its last hop makes of a call."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One target that was tried. Instants are seconds since the call began."""

    number: int
    """1 for the first one."""
    uri: str
    """The Request-URI."""
    address: str
    """host:port."""
    transport: Transport
    end: HopEnd
    began_seconds: float
    ended_seconds: float
    connected_seconds: float | None = None
    """None where no connection came about."""
    status: int = 0
    """The final answer; 0 where none came."""
    phrase: str = ""
    detail: str = ""
    """What went wrong, where there was no answer."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What came of a call."""

    outcome: Outcome
    call_id: str
    """"" where nothing was ever sent."""
    hops: tuple[Hop, ...]
    detail: str = ""
    """In one sentence, what a status does not say."""
    status: int = 0
    """The last final answer to an INVITE; 0 where none came."""
    phrase: str = ""
    skipped: tuple[Skipped, ...] = ()
    """Contacts that were not followed."""
    answered_after_seconds: float | None = None
    talked_seconds: float = 0.0
    """From the answer to the end."""

    @property
    def reason(self) -> str:
        """The outcome with its status, for counting alike ones: `refused 404`."""
        return f"{self.outcome} {self.status}" if self.outcome is Outcome.REFUSED else self.outcome.value

    def as_json(self) -> dict[str, object]:
        """The result as JSON has it; times to the microsecond."""
        return asdict(self, dict_factory=_round_times)


def _round_times(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in pairs}
