"""Results for the tests of what is made of them."""

from callrouter.caller.result import CallResult, Hop, HopEnd, Outcome
from callrouter.wire import Transport


def make_hop(number: int = 1, end: HopEnd = HopEnd.ANSWERED, port: int = 5060) -> Hop:
    return Hop(number, f"sip:2001@127.0.0.1:{port}", f"127.0.0.1:{port}", Transport.TCP, end, 0.0, 0.01, 0.001)


def make_result(outcome: Outcome = Outcome.ANSWERED, **changes: object) -> CallResult:
    given: dict[str, object] = {"hops": (make_hop(),), "call_id": "c1", "status": 200, "phrase": "OK"}
    if outcome is Outcome.ANSWERED:
        given |= {"answered_after_seconds": 0.0125, "talked_seconds": 1.0}
    return CallResult(outcome, **{**given, **changes})  # type: ignore[arg-type]
