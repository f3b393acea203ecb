import json

from callrouter.caller.redirects import Skipped
from callrouter.caller.result import Outcome
from tests.unit.caller.results import make_result


def test_result_reason_counts_refusals_by_their_status() -> None:
    assert make_result(Outcome.REFUSED, status=404).reason == "refused 404"
    assert make_result(Outcome.NO_ANSWER, status=487).reason == "no-answer"


def test_result_is_one_json_object() -> None:
    result = make_result(
        answered_after_seconds=0.01250000004, skipped=(Skipped("tel:+1", "only sip and sips URIs can be called"),)
    )
    read = json.loads(json.dumps(result.as_json()))
    assert read == {
        "outcome": "answered",
        "call_id": "c1",
        "hops": [
            {
                "number": 1,
                "uri": "sip:2001@127.0.0.1:5060",
                "address": "127.0.0.1:5060",
                "transport": "TCP",
                "end": "answered",
                "began_seconds": 0.0,
                "ended_seconds": 0.01,
                "connected_seconds": 0.001,
                "status": 0,
                "phrase": "",
                "detail": "",
            }
        ],
        "detail": "",
        "status": 200,
        "phrase": "OK",
        "skipped": [{"uri": "tel:+1", "why": "only sip and sips URIs can be called"}],
        "answered_after_seconds": 0.0125,
        "talked_seconds": 1.0,
    }
