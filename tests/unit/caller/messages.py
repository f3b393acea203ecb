"""Answers for the tests of the caller."""

from callrouter.sip.grammar import decode
from callrouter.sip.message import Response
from callrouter.sip.parser import parse_head


def make_response(status: int, *rows: str) -> Response:
    """An answer with these header field rows."""
    head = "\r\n".join([f"SIP/2.0 {status} x", "CSeq: 1 INVITE", *rows])
    response = parse_head(decode(head.encode("utf-8", "surrogateescape")), 256)
    assert isinstance(response, Response)
    return response


def make_redirect(*contacts: str, status: int = 302) -> Response:
    """A 3xx with one Contact row for each value."""
    return make_response(status, *(f"Contact: {contact}" for contact in contacts))
