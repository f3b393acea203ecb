"""Peers and events to build upon; a test changes what it is about."""

from typing import Any

from callrouter.reason import Reason
from callrouter.telemetry import RequestAnswered
from callrouter.wire import Peer, PeerCertificate, Transport

TCP_PEER = Peer("192.0.2.10", 40000)
TLS_PEER = Peer(
    "2001:db8::10", 40001, Transport.TLS, "2001:db8::1", 5061, PeerCertificate(("gw.example.com", "b.example.com"))
)


def answered(**changes: Any) -> RequestAnswered:
    """A redirected INVITE at 100.0 seconds, but for `changes`."""
    fields: dict[str, Any] = {
        "peer": TCP_PEER,
        "method": "INVITE",
        "call_id": "a84b4c76e66710@pc33",
        "status": 302,
        "reason": Reason.REDIRECTED,
        "contact": "<sip:um.example.com:5062;transport=TCP>",
        "detail": "",
        "received_at": 100.0,
        "answered_at": 100.0,
    }
    return RequestAnswered(**(fields | changes))
