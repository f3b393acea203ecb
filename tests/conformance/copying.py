"""RFC 3261 8.2.6.2 checked octet for octet: what an answer must repeat of its request, read by a reader of our own.

Knows how to find the requests in the octets of a vector; judges no status.
"""

import re
from dataclasses import dataclass

from tests.conformance.wire import Answer

_NAMES = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length"}
_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")
_TO_TAG = re.compile(r";[ \t]*tag[ \t]*=", re.IGNORECASE)
_STAMP = re.compile(r";[ \t]*(?:received|rport)[ \t]*(?:=[^;]*)?(?=;|$)", re.IGNORECASE)
_OUR_TAG = re.compile(r";tag=([0-9a-f]{10})")


@dataclass(frozen=True)
class RequestHead:
    """What an answer has to do with: rows by lower-case full name, in order, unfolded."""

    method: str
    rows: dict[str, list[str]]

    def first(self, name: str) -> list[str]:
        """The first row, where there is one: what is repeated of a field that may stand once only."""
        return self.rows.get(name, [])[:1]


def read_requests(octets: bytes) -> list[RequestHead]:
    """The heads in `octets`, up to the first whose end cannot be told."""
    heads: list[RequestHead] = []
    position = 0
    while True:
        while octets[position : position + 2] == b"\r\n":
            position += 2
        end = octets.find(b"\r\n\r\n", position)
        if end < 0:
            return heads
        head = _read_head(octets[position:end])
        heads.append(head)
        lengths = head.rows.get("content-length", ["0"])
        if len(lengths) > 1 or not lengths[0].isdigit():
            return heads
        position = end + 4 + int(lengths[0])


def _read_head(octets: bytes) -> RequestHead:
    start_line, *lines = _FOLD.sub(" ", octets.decode("latin-1")).split("\r\n")
    rows: dict[str, list[str]] = {}
    for line in lines:
        raw_name, _, value = line.partition(":")
        name = raw_name.strip(" \t").lower()
        rows.setdefault(_NAMES.get(name, name), []).append(value.strip(" \t"))
    return RequestHead(start_line.split()[0], rows)


def assert_copied(head: RequestHead, answer: Answer) -> None:
    """Via, From, Call-ID and CSeq as they came; To with exactly one tag; nothing that a body would need."""
    assert answer.values("From") == head.first("from")
    assert answer.values("Call-ID") == head.first("call-id")
    assert answer.values("CSeq") == head.first("cseq")
    assert_to_copied(head, answer)
    assert_via_copied(head, answer)
    assert answer.value("Content-Length") == "0"


def assert_to_copied(head: RequestHead, answer: Answer) -> None:
    """D05, D06: a To without tag gains ours, one with a tag stays."""
    asked = head.first("to")
    if not asked:
        assert not answer.has("To")
    elif _TO_TAG.search(asked[0]):
        assert answer.value("To") == asked[0]
    else:
        to = answer.value("To")
        assert to.startswith(asked[0])
        assert _OUR_TAG.fullmatch(to.removeprefix(asked[0]))


def assert_via_copied(head: RequestHead, answer: Answer) -> None:
    """D04: every value in its order; the top one may gain received and rport, nothing else."""
    asked, got = _split_vias(head.rows.get("via", [])), _split_vias(answer.values("Via"))
    assert got[1:] == asked[1:]
    assert [_STAMP.sub("", value) for value in got[:1]] == [_STAMP.sub("", value) for value in asked[:1]]


def _split_vias(rows: list[str]) -> list[str]:
    """Values at commas outside quoted strings; no vector has a quoted pair in a Via."""
    values = []
    for row in rows:
        pieces = re.split(r'("[^"]*")|,', row)
        # re.split gives text, quoted string or None for a comma, text ...
        value = pieces[0] or ""
        for quoted, text in zip(pieces[1::2], pieces[2::2], strict=True):
            if quoted is None:
                values.append(value.strip(" \t"))
                value = text
            else:
                value += quoted + text
        values.append(value.strip(" \t"))
    return values
