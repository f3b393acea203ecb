"""The framer gives the same messages for every way of cutting a stream, holds little, and fails only as documented."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.sip.limits import MessageLimits
from callrouter.testing.strategies import RequestSample, cut, make_options, requests, streams
from tests.property.framing import Reading, read_stream

VECTORS = Path(__file__).parent.parent / "conformance" / "vectors"
CORPUS = sorted(path for folder in ("rfc4475", "rfc5118-tcp", "edges") for path in (VECTORS / folder).glob("*.dat"))
EVERY_PLACE_BYTES = 4096
MOST_BYTES = 66_000
"""Of a vector: enough for the largest body, and for a head beyond its limit."""
SMALL = MessageLimits(max_head_bytes=600, max_headers=12, max_request_uri_bytes=60, max_body_bytes=64)


def test_corpus_is_where_it_should_be() -> None:
    assert len(CORPUS) > 100


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_framer_stream_cut_at_every_byte_gives_the_same_messages(path: Path) -> None:
    stream = path.read_bytes()[:MOST_BYTES] + make_options()
    whole = read_stream([stream])
    assert without_memory(read_stream(single_octets(stream))) == without_memory(whole)
    for place in places_to_cut(len(stream)):
        assert without_memory(read_stream([stream[:place], stream[place:]])) == without_memory(whole), place


@given(streams().flatmap(lambda octets: st.tuples(st.just(octets), cut(octets))), st.sampled_from([None, SMALL]))
def test_framer_stream_cut_anywhere_gives_the_same_messages(
    case: tuple[bytes, list[bytes]], limits: MessageLimits | None
) -> None:
    octets, pieces = case
    whole = without_memory(read_stream([octets], limits))
    assert without_memory(read_stream(pieces, limits)) == whole
    assert without_memory(read_stream(single_octets(octets), limits)) == whole


@given(st.integers(-6, 6), st.integers(0, 700))
def test_framer_head_around_its_limit_cut_anywhere_ends_alike(excess: int, place: int) -> None:
    head = make_options()[:-4]
    head += b"X: " + b"x" * (SMALL.max_head_bytes + excess - len(head) - 3)
    stream = head.replace(b"Content-Length: 0X: ", b"Content-Length: 0\r\nX: x") + b"\r\n\r\n"
    whole = without_memory(read_stream([stream], SMALL))
    assert without_memory(read_stream([stream[:place], stream[place:]], SMALL)) == whole
    assert without_memory(read_stream(single_octets(stream), SMALL)) == whole


@given(st.binary(max_size=200).flatmap(cut))
def test_framer_arbitrary_octets_fail_only_as_documented(pieces: list[bytes]) -> None:
    reading = read_stream(pieces)
    assert reading.error is None or reading.error[1] in (400, 413, 513)


@given(streams().flatmap(cut))
def test_framer_memory_never_exceeds_the_limits_and_one_read(pieces: list[bytes]) -> None:
    largest = max(map(len, pieces), default=0)
    assert read_stream(pieces, SMALL).most_held_bytes <= SMALL.max_head_bytes + SMALL.max_body_bytes + largest


def test_framer_memory_after_an_endless_stream_is_small() -> None:
    stream = make_options() * 500
    reading = read_stream(stream[start : start + 1000] for start in range(0, len(stream), 1000))
    assert len(reading.frames) == 500
    assert reading.most_held_bytes <= len(make_options())


@given(st.lists(st.tuples(requests(), st.integers(0, 5)), min_size=1, max_size=4), st.integers(0, 5), st.data())
def test_framer_keep_alives_between_messages_are_told_once_each_and_change_nothing(
    calls: list[tuple[RequestSample, int]], first: int, data: st.DataObject
) -> None:
    stream = b"\r\n" * first
    expected: list[object] = ["PING"] * (first // 2)
    for sample, count in calls:
        stream += sample.octets + b"\r\n" * count
        expected += [*read_stream([sample.octets]).frames, *["PING"] * (count // 2)]
    assert read_stream(data.draw(cut(stream))).frames == expected


def without_memory(reading: Reading) -> tuple[object, ...]:
    return reading.frames, reading.error, reading.is_mid_message


def single_octets(stream: bytes) -> Iterator[bytes]:
    return (stream[place : place + 1] for place in range(len(stream)))


def places_to_cut(length: int) -> list[int]:
    """Every place of a stream of ordinary length; of a long one both ends, and samples of what lies between."""
    if length <= EVERY_PLACE_BYTES:
        return list(range(1, length))
    return [*range(1, 800), *range(800, length - 400, 1009), *range(length - 400, length)]
