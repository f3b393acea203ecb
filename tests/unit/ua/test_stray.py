import pytest

from callrouter.sip.message import Request
from callrouter.sip.respond import header_line
from callrouter.sip.transaction import InviteTransaction
from callrouter.ua.stray import refuse_stray_invite, refuse_stray_request
from tests.unit.ua.endpoint_rig import Agent, Rig

ALLOW_LINE = header_line("Allow", "OPTIONS, FOO")


class Refusing(Agent):
    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        refuse_stray_invite(self._endpoint, invite, transaction, now, ALLOW_LINE)

    def receive_request(self, request: Request, now: float) -> None:
        refuse_stray_request(self._endpoint, request, now, ALLOW_LINE)


@pytest.mark.parametrize(
    ("method", "to_tag", "status"),
    [
        ("INVITE", "", 405),
        ("INVITE", ";tag=x", 481),
        *((method, tag, 481) for method in ("BYE", "INFO", "PRACK", "UPDATE") for tag in ("", ";tag=x")),
        ("NOTIFY", "", 405),
        ("NOTIFY", ";tag=x", 481),
        ("FROB", "", 501),
        ("FROB", ";tag=x", 481),
    ],
)
def test_stray_request_is_refused_with_allow_where_the_method_is_what_is_wrong(
    method: str, to_tag: str, status: int
) -> None:
    rig = Rig()
    rig.endpoint.serve(Refusing(rig.endpoint))
    [answer] = rig.answers(
        f"{method} sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.10;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@b>;tag=f\r\nTo: <sip:192.0.2.1>{to_tag}\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )
    assert answer.status == status
    assert answer.headers.rows("allow") == (["OPTIONS, FOO"] if status != 481 else [])
