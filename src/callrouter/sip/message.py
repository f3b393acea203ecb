"""Messages as the parser leaves them: start line taken apart, header fields in rows, values read when asked for.

Reading a value may fail with one of the errors of `errors`; what was read once is kept. RFC 3261 7.
"""

from dataclasses import dataclass

from callrouter.reason import Reason
from callrouter.sip.address import find_tag
from callrouter.sip.cseq import CSeq
from callrouter.sip.errors import HeaderError
from callrouter.sip.headers import Headers
from callrouter.sip.memo import Memo
from callrouter.sip.uri import Uri
from callrouter.sip.via import Via, parse_via, split_vias


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a request, and the answer that it deserves."""

    reason: Reason
    status: int
    phrase: str
    """The reason phrase: our own words, naming what was wrong (RFC 3261 21.4.1); "" for the standard one."""


class Request:
    """A request. `defects` are what the parser noticed while cutting it into lines."""

    __slots__ = (
        "_cseq",
        "_from_tag",
        "_memo",
        "_to_tag",
        "_uri",
        "_via",
        "body",
        "defects",
        "headers",
        "method",
        "raw_uri",
        "version",
    )

    def __init__(
        self, method: str, raw_uri: str, version: str, headers: Headers, defects: tuple[Finding, ...], memo: Memo
    ) -> None:
        self.method = method
        self.raw_uri = raw_uri
        self.version = version
        self.headers = headers
        self.defects = defects
        self.body = b""
        self._memo = memo
        self._uri: Uri | None = None
        self._via: Via | None = None
        self._cseq: CSeq | None = None
        self._from_tag: str | None = None
        self._to_tag: str | None = None

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
            row = self._required("via")
            self._via = parse_via(split_vias(row)[0] if "," in row else row, self._memo.sent_by)
        return self._via

    @property
    def cseq(self) -> CSeq:
        """The CSeq.

        Raises:
            HeaderError: there is none, or it cannot be read.
        """
        if self._cseq is None:
            self._cseq = self._memo.cseq(self._required("cseq"))
        return self._cseq

    @property
    def from_tag(self) -> str:
        """The tag of From, "" from a peer of RFC 2543.

        Raises:
            HeaderError: there is no From, or it cannot be read.
        """
        if self._from_tag is None:
            self._from_tag = find_tag(self._required("from"))
        return self._from_tag

    @property
    def to_tag(self) -> str:
        """The tag of To, "" outside a dialog.

        Raises:
            HeaderError: there is no To, or it cannot be read.
        """
        if self._to_tag is None:
            self._to_tag = find_tag(self._required("to"))
        return self._to_tag

    @property
    def call_id(self) -> str:
        """The Call-ID as written, "" where there is none."""
        return self.headers.get("call-id") or ""

    def _required(self, name: str) -> str:
        rows = self.headers.by_name.get(name)
        if rows is None:
            raise HeaderError("the header field is missing")
        return rows[0]


class Response:
    """A response: read only as far as a server needs that sends no requests of its own."""

    __slots__ = ("body", "headers", "start_line")

    def __init__(self, start_line: str, headers: Headers) -> None:
        self.start_line = start_line
        self.headers = headers
        self.body = b""
