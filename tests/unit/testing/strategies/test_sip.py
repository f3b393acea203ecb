from dataclasses import replace

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request
from callrouter.testing.strategies.sip import RequestSample, cut, make_options, mutated, requests

FIRST_FOUND = settings(phases=[Phase.generate], max_examples=500)
"""Any example will do: none is made smaller."""


@given(requests())
def test_requests_every_spelling_says_what_the_plain_one_says(sample: RequestSample) -> None:
    framer = Framer(MessageLimits())
    framer.receive_data(sample.octets)
    request = framer.next_frame()
    assert isinstance(request, Request)
    headers = request.headers
    assert (request.method, request.raw_uri, request.body) == (sample.method, sample.uri, sample.body)
    assert [headers.get(name) for name in ("from", "to", "call-id", "cseq")] == [
        *(sample.from_, sample.to, sample.call_id, sample.cseq)
    ]
    assert "".join(headers.rows("via")).startswith(sample.vias[0])
    assert bool(request.to_tag) is sample.has_to_tag


@given(requests())
def test_requests_style_zero_is_the_plain_spelling(sample: RequestSample) -> None:
    lines = replace(sample, style=0).octets.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")
    assert lines[: len(sample.vias) + 1] == [
        f"{sample.method} {sample.uri} SIP/2.0",
        *(f"Via: {via}" for via in sample.vias),
    ]


def test_requests_spellings_fold_and_use_compact_names() -> None:
    assert find(
        requests(), lambda sample: b"\r\n\t " in sample.octets and b"\r\nv" in sample.octets, settings=FIRST_FOUND
    ).style


@given(st.binary(max_size=60).flatmap(lambda octets: st.tuples(st.just(octets), cut(octets))))
def test_cut_pieces_together_are_the_octets(case: tuple[bytes, list[bytes]]) -> None:
    octets, pieces = case
    assert b"".join(pieces) == octets


def test_mutated_can_cut_short_and_put_in() -> None:
    plain = make_options()
    spoilt = mutated(st.just(plain))
    assert len(find(spoilt, lambda octets: len(octets) < 50, settings=FIRST_FOUND)) < 50
    assert find(spoilt, lambda octets: len(octets) > len(plain), settings=FIRST_FOUND) != plain
