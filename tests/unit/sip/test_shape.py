"""Which shapes are known, and what makes one."""

from collections.abc import Iterator

import pytest

from callrouter.sip.scanner import SHAPES, scan_in_python
from callrouter.sip.shape import Shapes
from tests.property.test_scanner import plain_head, plain_rows

LARGE = 65536
NAMES = tuple(plain_rows("INVITE"))


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    SHAPES.clear()
    yield
    SHAPES.clear()


def test_a_shape_that_is_met_often_is_known() -> None:
    octets = plain_head("INVITE")
    found = scan_in_python(octets, 0, LARGE, 256)
    for _ in range(40):
        assert scan_in_python(octets, 0, LARGE, 256) == found
    assert len(SHAPES) == 1
    assert SHAPES.read(octets[:-4].decode(), 256) is not None
    assert SHAPES.read(octets[:-4].decode(), len(NAMES)) is not None
    assert SHAPES.read(octets[:-4].decode(), len(NAMES) - 1) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Via: ", b"v: "),
        (b"Max-Forwards", b"max-forwards"),
        (b"To: ", b"History-Info: <sip:1@h>;index=1\r\nTo: "),
        (b"To: ", b"X-Own: a\r\nTo: "),
        (b"Via: ", b"Via: SIP/2.0/TCP p;branch=z9hG4bKp\r\nVia: "),
        (b"z9hG4bKa", b"z9hG4bKa;rport"),
        (b"<sip:b@h>", b"sip:b@h"),
    ],
)
def test_what_no_shape_could_read_makes_none(old: bytes, new: bytes) -> None:
    for _ in range(40):
        scan_in_python(plain_head("INVITE").replace(old, new, 1), 0, LARGE, 256)
    assert len(SHAPES) == 0


def head_of(names: tuple[str, ...]) -> str:
    rows = plain_rows("INVITE")
    return "\r\n".join(["INVITE x SIP/2.0", *(f"{name}: {rows.get(name, 'x')}" for name in names)])


def test_few_shapes_are_known_the_last_that_were_met() -> None:
    shapes = Shapes()
    orders = [(*NAMES, name) for name in ("Subject", "Date", "Server", "Organization")]
    for names in orders:
        shapes.learn(names)
    assert shapes.read(head_of(orders[0]), 256) is not None
    shapes.learn(NAMES)
    assert len(shapes) == 4
    assert [shapes.read(head_of(names), 256) is not None for names in orders] == [True, False, True, True]
    assert shapes.read(head_of(NAMES), 256) is not None


def test_a_shape_is_known_once() -> None:
    shapes = Shapes()
    shapes.learn(NAMES)
    shapes.learn(NAMES)
    assert len(shapes) == 1


@pytest.mark.parametrize("missing", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_shape_has_what_an_answer_needs(missing: str) -> None:
    shapes = Shapes()
    shapes.learn(tuple(name for name in NAMES if name != missing))
    assert len(shapes) == 0


@pytest.mark.parametrize(
    "names",
    [(*NAMES[:-1], "Content-Type"), (*NAMES, "History-Info"), (*NAMES, *(f"X-{number}" for number in range(18)))],
    ids=["body without a length", "history", "too many rows"],
)
def test_what_is_better_read_in_full_makes_no_shape(names: tuple[str, ...]) -> None:
    shapes = Shapes()
    shapes.learn(names)
    assert len(shapes) == 0


def test_many_shapes_that_are_met_seldom_are_forgotten() -> None:
    shapes = Shapes()
    for _ in range(31):
        shapes.meet(NAMES)
    for number in range(64):
        shapes.meet((*NAMES, str(number)))
    shapes.meet(NAMES)
    assert len(shapes) == 0
    for _ in range(31):
        shapes.meet(NAMES)
    assert len(shapes) == 1
