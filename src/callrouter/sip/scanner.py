"""A request as nearly all of them are written, read in one pass: everything that a call needs, or nothing at all.

The short cut of the hot path. `scan_in_python` says what it is; `_scan.c` does the same many times as fast where it was
compiled, and a property test holds the two together. What is not plain (folding, white space to be stripped, octets
outside ASCII, two Vias in one row, a parameter of Via that is not `branch`, `rport` or `alias`, a repeated To, ...) is
left to the parser, which reads everything and tells what is wrong. Whatever is read here, the parser would read alike.
"""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from callrouter.sip.address import cut_plain_address
from callrouter.sip.grammar import is_token
from callrouter.sip.headers import DISPLAY_NAMES, SPELLINGS, canonical_name
from callrouter.sip.shape import ADDRESS, FORWARDS, NUMBER, WORD, Shapes, Values
from callrouter.sip.via import MAGIC_COOKIE

# fmt: off
Scan: TypeAlias = tuple[
    int, str, str, str, str, str, str, bool, str, str, str, str, str, str, str, str, int, int, str, bool,
]
# fmt: on
"""In this order, a tuple because one is made for every message:

0 end: where the head with its empty line ends; 1 head: as text, without its last CRLFs; 2 method; 3 Request-URI;
4 Via: its first row, and of it 5 what stands before the parameters; 6 the branch, lower-cased; 7 whether rport is
there; 8 the other Via rows as lines; 9 From, and of it 10 what stands before the tag; 11 its tag; 12 To; 13 its tag;
14 Call-ID; 15 CSeq; 16 its number; 17 Content-Length, 0 where it is missing; 18 the row of Diversion, "" where there is
none or more than one; 19 whether there is one, or History-Info.
"""

Scanner: TypeAlias = Callable[[bytes | bytearray, int, int, int], Scan | None]
"""As `scan_in_python`."""

AckScan: TypeAlias = tuple[int, str, str]
"""0 end, as above; 1 what stands before the parameters of Via; 2 the branch, lower-cased."""

AckScanner: TypeAlias = Callable[[bytes | bytearray, int, int, int], AckScan | None]
"""As `scan_ack_in_python`."""

DiversionCut: TypeAlias = tuple[str, str, str, str]
"""Scheme, number, host in lower case, reason in lower case."""

DiversionCutter: TypeAlias = Callable[[str], DiversionCut | None]
"""As `cut_diversion_in_python`."""

_END_OF_HEAD = b"\r\n\r\n"
_PRINTABLE = bytes(range(0x20, 0x7F))
_MOST_DIGITS = 9
_MOST_FORWARDS_DIGITS = 3
_MOST_FORWARDS = 255
_MOST_VIAS = 16
"""Behind the first one."""
_ONCE = frozenset(("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length"))
_USUAL_NAMES = frozenset(DISPLAY_NAMES.values())
_USUAL_METHODS = frozenset(("INVITE", "ACK", "OPTIONS", "CANCEL", "BYE"))
_BRANCH = "branch="
_BARE: tuple[list[str], ...] = ([], ["rport"], ["alias"], ["alias", "rport"])
# The usual forms of Via, From, To, CSeq, Max-Forwards and Content-Length in one step; all others are read one by one,
# to the same end. Possessive throughout, so that there is one way only to match a text.
_USUAL_VALUES = re.compile(
    rf"([^;,\n]*+);branch=(z9hG4bK{WORD})\n({ADDRESS})(?:;tag=({WORD}))?+\n{ADDRESS}(?:;tag=({WORD}))?+\n"
    rf"({NUMBER}) ({WORD})\n{FORWARDS}\n{NUMBER}"
)
# Names begin rows; the compact form of Content-Length is an l.
_USUAL_ACK = re.compile(
    rf"ACK [!-~]++ SIP/2\.0\r\nVia: ([ -+\--:<-~]++);branch=(z9hG4bK{WORD})\r\n"
    r"(?:(?![lL \t]|[cC][oO][nN][tT][eE][nN][tT]-[lL])[^\r\n]++\r\n)*+Content-Length: 0\r\n\r\n".encode()
)

_USUAL_DIVERSION = re.compile(rf"<(sips?+):(\+?+[0-9]++)@([A-Za-z0-9\-._]++)>;reason=({WORD})")

SHAPES: Final = Shapes()
"""Of this process."""


class _NotPlain(ValueError):  # noqa: N818 - no error: an answer
    pass


def scan_in_python(data: bytes | bytearray, start: int, max_head_bytes: int, max_headers: int) -> Scan | None:
    """The request whose head begins at `start`; None where it is not plain, not whole, or beyond a limit."""
    end = data.find(_END_OF_HEAD, start, start + max_head_bytes + len(_END_OF_HEAD))
    if end < 0:
        return None
    octets = bytes(data[start:end])
    try:
        head = octets.decode("ascii")
        known = SHAPES.read(head, max_headers)
        if known is not None:
            return _put_known(known, head, end + len(_END_OF_HEAD))
        # Line ends are all that a plain head holds beside what can be printed, and no CR stands apart from its LF.
        count = octets.count(b"\r\n")
        if count > max_headers or octets.translate(None, _PRINTABLE) != b"\r\n" * count:
            return None
        return _read_head(head, count, end + len(_END_OF_HEAD))
    except (ValueError, KeyError):
        # Where a row is missing, or something stands where it should not.
        return None


def scan_ack_in_python(data: bytes | bytearray, start: int, max_head_bytes: int, max_headers: int) -> AckScan | None:
    """What names the transaction of an ACK without a body, and where it ends; None for one that is not as most are.

    An ACK gets no answer, whatever else is in it, so nothing else is read: its top Via is the first row and its length
    the last one, and no row between is folded or says another length.
    """
    usual = _USUAL_ACK.match(data, start, start + max_head_bytes + len(_END_OF_HEAD))
    if usual is None:
        return None
    end = usual.end()
    if data.count(b"\n", start, end) - 2 > max_headers:
        return None
    sent_by, branch = usual.groups()
    return end, sent_by.decode("ascii"), branch.decode("ascii").lower()


def cut_diversion_in_python(row: str) -> DiversionCut | None:
    """A Diversion row of the form `<sip:NUMBER@HOST>;reason=WORD`, as most gateways write it; None for any other."""
    usual = _USUAL_DIVERSION.fullmatch(row)
    if usual is None:
        return None
    scheme, number, host, reason = usual.groups()
    return scheme, number, host.lower(), reason.lower()


def _put_known(values: Values, head: str, end: int) -> Scan | None:
    """Of a head with a shape that is known."""
    # fmt: off
    (
        method, uri, via, sent_by, branch, from_, from_address, from_tag, to, to_tag, call_id, cseq,
        number, cseq_method, forwards, length, diversion,
    ) = values
    if cseq_method != method or int(forwards or 0) > _MOST_FORWARDS:
        return None
    return (
        end, head, method, uri, via, sent_by, branch.lower(), False, "", from_, from_address, from_tag or "", to,
        to_tag or "", call_id, cseq, int(number), int(length or 0), diversion, diversion != "",
    )
    # fmt: on


def _read_head(head: str, count: int, end: int) -> Scan:
    start_line, _, rest = head.partition("\r\n")
    method, uri, version = start_line.split(" ")
    if version != "SIP/2.0" or not uri or not (method in _USUAL_METHODS or is_token(method)):
        raise _NotPlain
    rows, via_lines, are_usual = _cut_rows(rest, count)
    via, from_, to, call_id, cseq = rows["Via"], rows["From"], rows["To"], rows["Call-ID"], rows["CSeq"]
    forwards, length = rows.get("Max-Forwards", "0"), rows.get("Content-Length", "x" if "Content-Type" in rows else "0")
    usual = _USUAL_VALUES.fullmatch(f"{via}\n{from_}\n{to}\n{cseq}\n{forwards}\n{length}")
    if usual is not None:
        sent_by, branch, from_address, from_tag, to_tag, number, cseq_method = usual.groups("")
        branch, wants_port = branch.lower(), False
    else:
        sent_by, branch, wants_port = _read_via(via)
        from_address, from_tag = _read_address(from_)
        _, to_tag = _read_address(to)
        number, _, cseq_method = cseq.partition(" ")
        _check_number(number, _MOST_DIGITS)
        _check_number(forwards, _MOST_FORWARDS_DIGITS)
        _check_number(length, _MOST_DIGITS)
    if cseq_method != method or " " in call_id or int(forwards) > _MOST_FORWARDS:
        raise _NotPlain
    if are_usual and usual is not None:
        SHAPES.meet(tuple(rows))
    # fmt: off
    return (
        end, head, method, uri, via, sent_by, branch, wants_port, via_lines, from_, from_address, from_tag, to, to_tag,
        call_id, cseq, int(number), int(length), rows.get("Diversion", ""),
        "Diversion" in rows or "History-Info" in rows,
    )
    # fmt: on


def _check_number(text: str, most_digits: int) -> None:
    if not text.isdigit() or len(text) > most_digits:
        raise _NotPlain


def _cut_rows(text: str, count: int) -> tuple[dict[str, str], str, bool]:
    """By the RFC's spelling of the name the first row of each field; the other rows of Via as lines; a third answer.

    That is whether the rows were read the usual way: each name as the RFC spells it, none twice.
    """
    if " \r\n" in text or text[-1:] == " ":
        raise _NotPlain
    # The usual case in few steps: names as the RFC spells them, none twice. A row without ": " is a ValueError.
    rows = dict([row.split(": ", 1) for row in text.split("\r\n")])
    if len(rows) == count and ":  " not in text and _USUAL_NAMES.issuperset(rows):
        return rows, "", True
    return _cut_each_row(text)


def _cut_each_row(text: str) -> tuple[dict[str, str], str, bool]:
    rows: dict[str, str] = {}
    vias = []
    for line in text.split("\r\n"):
        raw_name, colon, value = line.partition(": ")
        # canonical_name strips what stands before the colon, which is plain no more.
        name = "" if raw_name[-1:] == " " else SPELLINGS.get(raw_name) or canonical_name(raw_name)
        if not colon or not name or value[0] == " ":
            raise _NotPlain
        name = DISPLAY_NAMES.get(name, name)
        if name not in rows:
            rows[name] = value
        elif name in _ONCE:
            raise _NotPlain
        elif name == "Via":
            vias.append(f"Via: {value}\r\n")
        elif name == "Diversion":
            rows[name] = ""
    if len(vias) > _MOST_VIAS:
        raise _NotPlain
    return rows, "".join(vias), False


def _read_via(via: str) -> tuple[str, str, bool]:
    """What stands before the parameters; the branch, lower-cased, which has more than the cookie (17.2.3); rport."""
    sent_by, _, params = via.partition(";")
    pieces = params.split(";")
    branches = [piece for piece in pieces if piece[: len(_BRANCH)] == _BRANCH]
    bare = sorted(piece for piece in pieces if piece not in branches)
    branch = "".join(branches)[len(_BRANCH) :].lower()
    if len(branches) != 1 or bare not in _BARE or "," in via or not is_token(branch):
        raise _NotPlain
    if branch[: len(MAGIC_COOKIE)] != MAGIC_COOKIE or branch == MAGIC_COOKIE:
        raise _NotPlain
    return sent_by, branch, "rport" in bare


def _read_address(text: str) -> tuple[str, str]:
    """Of From or To: the address, and its tag, "" where there is none."""
    plain = cut_plain_address(text)
    if plain is None:
        raise _NotPlain
    return plain


scan: Scanner
scan_ack: AckScanner
cut_diversion: DiversionCutter
try:
    from callrouter.sip._scan import cut_diversion as cut_diversion_in_c
    from callrouter.sip._scan import scan as scan_in_c
    from callrouter.sip._scan import scan_ack as scan_ack_in_c
except ImportError:  # not compiled
    scan, scan_ack, cut_diversion = scan_in_python, scan_ack_in_python, cut_diversion_in_python
else:
    scan, scan_ack, cut_diversion = scan_in_c, scan_ack_in_c, cut_diversion_in_c
