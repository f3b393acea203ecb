"""Messages as the parser leaves them: start line taken apart, header fields in rows, values read when asked for.

Reading a value may fail with one of the errors of `errors`; what was read once is kept. RFC 3261 7.
"""

from dataclasses import dataclass
from typing import final

from mypy_extensions import mypyc_attr

from callrouter.reason import Reason
from callrouter.sip.address import find_tag
from callrouter.sip.cseq import CSeq, parse_cseq
from callrouter.sip.errors import HeaderError
from callrouter.sip.headers import Headers, cut_plain_rows
from callrouter.sip.memo import Memo
from callrouter.sip.scanner import Scan
from callrouter.sip.status import parse_status_line
from callrouter.sip.uri import Uri
from callrouter.sip.via import SentBy, Via, parse_via, split_vias


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a request, and the answer that it deserves."""

    reason: Reason
    status: int
    phrase: str
    """The reason phrase: our own words, naming what was wrong (RFC 3261 21.4.1); "" for the standard one."""


@mypyc_attr(acyclic=True)
class Request:
    """A request. `defects` are what the parser noticed while cutting it into lines."""

    __slots__ = (
        "_cseq",
        "_from_tag",
        "_headers",
        "_memo",
        "_to_tag",
        "_uri",
        "_via",
        "body",
        "call_id_row",
        "cseq_row",
        "defects",
        "from_row",
        "method",
        "more_via_lines",
        "raw_uri",
        "to_row",
        "version",
        "via_row",
    )

    via_row: str | None
    """The first row of Via and, below, of other fields, as written; None where there is none."""
    from_row: str | None
    to_row: str | None
    call_id_row: str | None
    cseq_row: str | None
    more_via_lines: str
    """The other rows of Via as the lines of an answer."""

    def __init__(
        self, method: str, raw_uri: str, version: str, headers: Headers, defects: tuple[Finding, ...], memo: Memo
    ) -> None:
        self.method = method
        self.raw_uri = raw_uri
        self.version = version
        self.defects = defects
        self.body = b""
        self.via_row = headers.get("via")
        self.from_row = headers.get("from")
        self.to_row = headers.get("to")
        self.call_id_row = headers.get("call-id")
        self.cseq_row = headers.get("cseq")
        self.more_via_lines = "".join([f"Via: {row}\r\n" for row in headers.rows("via")[1:]])
        self._memo = memo
        self._headers: Headers | None = headers
        self._uri: Uri | None = None
        self._via: Via | None = None
        self._cseq: CSeq | None = None
        self._from_tag: str | None = None
        self._to_tag: str | None = None

    @property
    def headers(self) -> Headers:
        """All header fields."""
        if self._headers is None:
            self._headers = self._cut_headers()
        return self._headers

    @property
    def call_id(self) -> str:
        """The Call-ID as written, "" where there is none."""
        return self.call_id_row or ""

    @property
    def uri(self) -> Uri:
        """The Request-URI.

        Raises:
            UriError: it cannot be read.
        """
        if self._uri is None:
            self._uri = self._memo.uri(self.raw_uri)
        return self._uri

    @property
    def top_via(self) -> Via:
        """The first Via value.

        Raises:
            HeaderError: there is none, or it cannot be read.
        """
        if self._via is None:
            row = _present(self.via_row)
            self._via = parse_via(split_vias(row)[0] if "," in row else row, self._memo.sent_by)
        return self._via

    @property
    def cseq(self) -> CSeq:
        """The CSeq.

        Raises:
            HeaderError: there is none, or it cannot be read.
        """
        if self._cseq is None:
            self._cseq = self._memo.cseq(_present(self.cseq_row))
        return self._cseq

    @property
    def from_tag(self) -> str:
        """The tag of From, "" from a peer of RFC 2543.

        Raises:
            HeaderError: there is no From, or it cannot be read.
        """
        if self._from_tag is None:
            self._from_tag = find_tag(_present(self.from_row))
        return self._from_tag

    @property
    def to_tag(self) -> str:
        """The tag of To, "" outside a dialog.

        Raises:
            HeaderError: there is no To, or it cannot be read.
        """
        if self._to_tag is None:
            self._to_tag = find_tag(_present(self.to_row))
        return self._to_tag

    def _cut_headers(self) -> Headers:
        raise NotImplementedError


@mypyc_attr(acyclic=True, free_list_len=1)
@final
class PlainRequest(Request):
    """One that was read in one pass (`scanner`): what a call needs is there, and sound but for what is said to raise.

    Its header fields are cut when somebody asks for them.
    """

    __slots__ = (
        "_head",
        "_sent_by",
        "_via_head",
        "body_length",
        "branch",
        "diversion",
        "end",
        "from_address",
        "is_diverted",
        "number",
        "wants_port",
    )

    def __init__(self, scan: Scan, memo: Memo) -> None:
        # fmt: off
        (
            self.end, self._head, self.method, self.raw_uri, via_row, self._via_head, self.branch, self.wants_port,
            self.more_via_lines, from_row, self.from_address, from_tag, to_row, to_tag, call_id_row, cseq_row,
            self.number, self.body_length, self.diversion, self.is_diverted,
        ) = scan
        # fmt: on
        self.via_row = via_row
        self.from_row = from_row
        self.to_row = to_row
        self.call_id_row = call_id_row
        self.cseq_row = cseq_row
        self._from_tag = from_tag
        self._to_tag = to_tag
        self.version = "SIP/2.0"
        self.defects = ()
        self.body = b""
        self._memo = memo
        self._headers = None
        self._uri = None
        self._via = None
        self._cseq = None
        self._sent_by: SentBy | None = None

    @property
    def sent_by(self) -> SentBy:
        """Where the top Via says that the request was sent from.

        Raises:
            HeaderError: it cannot be read.
        """
        if self._sent_by is None:
            self._sent_by = self._memo.sent_by(self._via_head)
        return self._sent_by

    def _cut_headers(self) -> Headers:
        return Headers(cut_plain_rows(self._head.split("\r\n")[1:]) or {})


@mypyc_attr(acyclic=True, free_list_len=1)
@final
class BriefAck:
    """An ACK of which nothing was read but the transaction that it ends; for who does not ask for more (17.2.3)."""

    __slots__ = ("branch", "sent_by")

    def __init__(self, branch: str, sent_by: str) -> None:
        self.branch = branch
        """Of the top Via, lower-cased; with the magic cookie."""
        self.sent_by = sent_by
        """As `SentBy.text`."""


class Response:
    """A response. Values are read on demand and not kept: a response is looked at once."""

    __slots__ = ("body", "headers", "start_line")

    def __init__(self, start_line: str, headers: Headers) -> None:
        self.start_line = start_line
        self.headers = headers
        self.body = b""

    @property
    def status(self) -> int:
        """The status code, 100 to 699.

        Raises:
            HeaderError: the start line is no status line.
        """
        return parse_status_line(self.start_line)[0]

    @property
    def phrase(self) -> str:
        """The reason phrase, which may be empty.

        Raises:
            HeaderError: the start line is no status line.
        """
        return parse_status_line(self.start_line)[1]

    @property
    def top_via(self) -> Via:
        """The first Via value.

        Raises:
            HeaderError: there is none, or it cannot be read.
        """
        return parse_via(split_vias(_present(self.headers.get("via")))[0])

    @property
    def via_count(self) -> int:
        """How many Via values there are; more than one in an answer to us says that it was misrouted (8.1.3.3).

        Raises:
            HeaderError: a row of them cannot be taken apart.
        """
        return sum(len(split_vias(row)) for row in self.headers.rows("via"))

    @property
    def cseq(self) -> CSeq:
        """The CSeq.

        Raises:
            HeaderError: there is none, or it cannot be read.
        """
        return parse_cseq(_present(self.headers.get("cseq")))

    @property
    def to_tag(self) -> str:
        """The tag of To, "" where there is none.

        Raises:
            HeaderError: there is no To, or it cannot be read.
        """
        return find_tag(_present(self.headers.get("to")))

    @property
    def call_id(self) -> str:
        """The Call-ID as written, "" where there is none."""
        return self.headers.get("call-id") or ""


def _present(row: str | None) -> str:
    if row is None:
        raise HeaderError("the header field is missing")
    return row
