"""Requests as bytes, for those of our roles that send some: the caller, the prober, the UM worker (RFC 3261 8.1.1)."""

from dataclasses import dataclass, replace

from callrouter.sip.errors import HeaderError, UriError
from callrouter.sip.grammar import encode, is_token, is_uri_text
from callrouter.sip.respond import header_line

MAX_FORWARDS = 70
"""RFC 3261 8.1.1.6."""

BRANCH_PREFIX = "z9hG4bK"
"""The magic cookie as it is written (8.1.1.7); compared in lower case, as `via.MAGIC_COOKIE`."""


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request before it is written. Values are as the header fields carry them."""

    method: str
    uri: str
    """The Request-URI."""
    from_: str
    to: str
    call_id: str
    number: int
    """Of CSeq."""
    routes: tuple[str, ...] = ()
    """Route rows, the next hop first."""
    lines: str = ""
    """All other header lines but Content-Length, made by `header_line`."""
    body: bytes = b""
    via: str = ""
    """The one Via value; see `with_via`."""

    @property
    def branch(self) -> str:
        """Names the transaction (8.1.1.7)."""
        return self.via.rpartition(";branch=")[2]

    def with_via(self, transport: str, sent_by: str, token: str) -> "OutgoingRequest":
        """The request as it goes out: from `sent_by` (host:port), in a transaction that `token` makes unique."""
        return replace(self, via=f"SIP/2.0/{transport} {sent_by};rport;branch={BRANCH_PREFIX}{token}")

    def hop_ack(self, to: str) -> "OutgoingRequest":
        """The ACK to an answer of 300 to 699, which belongs to the INVITE's transaction (17.1.1.3). to: its own."""
        return replace(self, method="ACK", to=to, lines="", body=b"")

    def cancel(self) -> "OutgoingRequest":
        """The CANCEL of an INVITE that has had a provisional answer (9.1)."""
        return replace(self, method="CANCEL", lines="", body=b"")

    def build(self) -> bytes:
        """The octets.

        Raises:
            UriError: the Request-URI is no text that a URI could be written in.
            HeaderError: the method is no token, or a value holds a line end.
        """
        if not is_uri_text(self.uri):
            raise UriError("not a URI")
        if not is_token(self.method):
            raise HeaderError("not a method")
        head = [
            f"{self.method} {self.uri} SIP/2.0\r\n",
            header_line("Via", self.via),
            header_line("Max-Forwards", str(MAX_FORWARDS)),
            *[_copied_line("Route", route) for route in self.routes],
            _copied_line("From", self.from_),
            _copied_line("To", self.to),
            _copied_line("Call-ID", self.call_id),
            header_line("CSeq", f"{self.number} {self.method}"),
            self.lines,
            f"Content-Length: {len(self.body)}\r\n\r\n",
        ]
        return encode("".join(head)) + self.body


def _copied_line(name: str, value: str) -> str:
    """A header field whose value the peer may have made: unlike in our own, a quoted NUL is legal in it (25.1)."""
    if "\r" in value or "\n" in value:
        raise HeaderError("a header value holds a line end")
    return f"{name}: {value}\r\n"
