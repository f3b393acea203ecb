"""What shapes the scanner knows changes nothing that it reads."""

from hypothesis import event, example, given
from hypothesis import strategies as st

from callrouter.sip.headers import DISPLAY_NAMES
from callrouter.sip.scanner import SHAPES, scan_in_python
from tests.property.test_scanner import ODD, addresses, plain_head, plain_rows, texts, vias

LARGE = 65536
NAMES = tuple(plain_rows("INVITE"))
ONE_OR_TWO = st.text(st.sampled_from('ab1 ;:,<>"\\=@.~\t\r\n\x7fé'), min_size=1, max_size=2)


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
