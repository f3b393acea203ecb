"""Requests for the tests of the SIP layer: plain ones, with what a test wants otherwise."""

from callrouter.sip.grammar import decode
from callrouter.sip.message import Request
from callrouter.sip.parser import parse_head

ROWS = {
    "Via": "SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1",
    "Max-Forwards": "70",
    "From": "<sip:caller@gw.example.com>;tag=f1",
    "To": "<sip:100@router.example.com>",
    "Call-ID": "c1@gw.example.com",
    "CSeq": "1 INVITE",
}


def make_octets(
    method: str = "INVITE", uri: str = "sip:100@router.example.com", body: bytes = b"", **changes: str | None
) -> bytes:
    """A request. Changes: header field by its name with "_" for "-"; None leaves it out. CSeq follows the method."""
    rows: dict[str, str | None] = {**ROWS, "CSeq": f"1 {method}", "Content-Length": str(len(body))}
    rows.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{method} {uri} SIP/2.0", *(f"{name}: {value}" for name, value in rows.items() if value is not None)]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def make_request(method: str = "INVITE", uri: str = "sip:100@router.example.com", **changes: str | None) -> Request:
    """The same, parsed."""
    head = decode(make_octets(method, uri, b"", **changes).removesuffix(b"\r\n\r\n"))
    request = parse_head(head, 256)
    assert isinstance(request, Request)
    return request
