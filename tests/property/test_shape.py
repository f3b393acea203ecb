"""What shapes the scanner knows changes nothing that it reads."""

from collections.abc import Iterator

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from callrouter.sip.headers import DISPLAY_NAMES
from callrouter.sip.scanner import SHAPES, scan_in_python
from callrouter.sip.shape import Shapes
from tests.property.test_scanner import ODD, addresses, plain_head, plain_rows, texts, vias

LARGE = 65536
NAMES = tuple(plain_rows("INVITE"))
ONE_OR_TWO = st.text(st.sampled_from('ab1 ;:,<>"\\=@.~\t\r\n\x7fé'), min_size=1, max_size=2)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    SHAPES.clear()
    yield
    SHAPES.clear()


@st.composite
def nearly_plain(draw: st.DrawFn) -> bytes:
    """A head in the usual spelling, with a value or two that are not as usual."""
    rows = {**plain_rows("INVITE"), "Diversion": "<sip:1@h>;reason=x", "Subject": "a  b: c"}
    for name in draw(st.lists(st.sampled_from(sorted(rows)), max_size=2)):
        odd = vias() if name == "Via" else addresses() if name in ("From", "To") else st.sampled_from(ODD)
        row, place, text = rows[name], draw(st.integers(0, len(rows[name]))), draw(ONE_OR_TWO)
        rows[name] = draw(st.one_of(odd, st.just(row[:place] + text + row[place:])))
    line = draw(st.sampled_from(("INVITE x SIP/2.0",) * 6 + ("INVITE  SIP/2.0", "INVITE x y SIP/2.0", "a(b x SIP/2.0")))
    shown = draw(st.permutations(sorted(rows)))[: draw(st.sampled_from((7, 8, 9, 9, 9, 9)))]
    return "\r\n".join([line, *(f"{name}: {rows[name]}" for name in shown)]).encode() + b"\r\n\r\n"


def names_of(octets: bytes) -> tuple[str, ...]:
    """Of the rows of the first head, as far as a shape may have them."""
    rows = octets.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    names = [row.partition(":")[0] for row in rows]
    usual = [name for name in names if name in DISPLAY_NAMES.values()]
    return tuple(dict.fromkeys(usual))


@given(st.one_of(nearly_plain(), nearly_plain(), texts()), st.sampled_from((0, 0, 0, 1)), st.sampled_from((256, 9, 7)))
@example(plain_head("INVITE"), 0, 7)
@example(plain_head("INVITE"), 0, 6)
@example(plain_head("INVITE").replace(b"70", b"256"), 0, 7)
@example(plain_head("INVITE").replace(b"1 INVITE", b"1 ACK"), 0, 7)
@example(plain_head("INVITE").replace(b"Via: ", b"Via:  "), 0, 7)
@example(plain_head("INVITE").replace(b"c@h", b"c@h "), 0, 7)
@example(plain_head("INVITE").replace(b"0\r\n\r\n", b"0 \r\n\r\n"), 0, 7)
@example(plain_head("INVITE").replace(b";tag=1", b";tag="), 0, 7)
@example(plain_head("INVITE").replace(b"z9hG4bKa", b"Z9HG4BKa"), 0, 7)
@example(plain_head("INVITE").replace(b"z9hG4bKa", b"z9hG4bKA"), 0, 7)
@example(plain_head("INVITE").replace(b"Content-Length: 0", b"Content-Type: a/b"), 0, 7)
@example(plain_head("INVITE").replace(b"sip:a@h", b"sip:a\\@h"), 0, 7)
def test_a_known_shape_changes_nothing_that_is_read(octets: bytes, start: int, max_headers: int) -> None:
    SHAPES.clear()
    expected = scan_in_python(octets, start, LARGE, max_headers)
    SHAPES.clear()
    for names in (NAMES, names_of(octets[start:])):
        SHAPES.learn(names)
    event("read by a shape" if SHAPES.read(octets.partition(b"\r\n\r\n")[0].decode("latin-1"), 256) else "not so")
    assert scan_in_python(octets, start, LARGE, max_headers) == expected
    assert scan_in_python(bytearray(octets), start, LARGE, max_headers) == expected


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
