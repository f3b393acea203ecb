import pytest

from callrouter.caller.result import CallResult, HopEnd, Outcome
from callrouter.caller.verdict import describe_result
from tests.unit.caller.results import make_hop, make_result

REDIRECTED = (make_hop(1, HopEnd.REDIRECTED), make_hop(2, HopEnd.REDIRECTED, 5062), make_hop(3, HopEnd.ANSWERED, 5065))


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (make_result(), "answered by 127.0.0.1:5060 after 12.5 ms; 1.00 s later we hung up"),
        (
            make_result(hops=REDIRECTED, detail="the peer hung up"),
            "answered by 127.0.0.1:5065 after 12.5 ms and 2 redirects; 1.00 s later the peer hung up",
        ),
        (
            make_result(hops=(*REDIRECTED[:1], make_hop(2, HopEnd.ANSWERED, 5062))),
            "answered by 127.0.0.1:5062 after 12.5 ms and 1 redirect; 1.00 s later we hung up",
        ),
        (
            make_result(Outcome.REFUSED, status=404, phrase="Not Found", detail="no-such-number: it is nobody's"),
            "refused by 127.0.0.1:5060 with 404 Not Found: no-such-number: it is nobody's",
        ),
        (make_result(Outcome.REFUSED, status=486, phrase=""), "refused by 127.0.0.1:5060 with 486"),
        (
            make_result(Outcome.REDIRECT_FAILED, status=302, phrase="Moved Temporarily", detail="it is a loop"),
            "redirected by 127.0.0.1:5060 with 302 Moved Temporarily, but it is a loop",
        ),
        (make_result(Outcome.UNREACHABLE, detail="127.0.0.1:5060: refused"), "not connected: 127.0.0.1:5060: refused"),
        (
            make_result(Outcome.NO_ANSWER, detail="no answer within 30 s"),
            "not answered by 127.0.0.1:5060: no answer within 30 s",
        ),
        (
            make_result(Outcome.BROKEN, detail="the BYE got no answer"),
            "answered by 127.0.0.1:5060, but broken: the BYE got no answer",
        ),
        (make_result(Outcome.CANCELLED), "given up before 127.0.0.1:5060 answered"),
    ],
)
def test_verdict_says_what_came_of_the_call(result: CallResult, text: str) -> None:
    assert describe_result(result) == text
