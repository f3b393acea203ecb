"""The verdict on a call, in one sentence for a person."""

from callrouter.caller.result import CallResult, HopEnd, Outcome

_MS = 1000.0


def describe_result(result: CallResult) -> str:
    """What came of the call; may hold what peers wrote."""
    last = result.hops[-1].address
    answer = f"{result.status} {result.phrase}".strip()
    detail = result.detail
    match result.outcome:
        case Outcome.ANSWERED:
            text = _describe_answer(result)
        case Outcome.REFUSED:
            text = f"refused by {last} with {answer}" + (f": {detail}" if detail else "")
        case Outcome.REDIRECT_FAILED:
            text = f"redirected by {last} with {answer}, but {detail}"
        case Outcome.UNREACHABLE:
            text = f"not connected: {detail}"
        case Outcome.NO_ANSWER:
            text = f"not answered by {last}: {detail}"
        case Outcome.BROKEN:
            text = f"answered by {last}, but broken: {detail}"
        case Outcome.CANCELLED:
            text = f"given up before {last} answered"
    return text


def _describe_answer(result: CallResult) -> str:
    redirects = sum(1 for hop in result.hops if hop.end is HopEnd.REDIRECTED)
    before = f" and {redirects} {'redirect' if redirects == 1 else 'redirects'}" if redirects else ""
    took = f"{(result.answered_after_seconds or 0.0) * _MS:.1f} ms"
    ended = result.detail or "we hung up"
    return f"answered by {result.hops[-1].address} after {took}{before}; {result.talked_seconds:.2f} s later {ended}"
