"""RFC-REQUIREMENTS section L: many and hostile peers."""

import random

import pytest

from bench.process import raise_file_limit, resident_bytes
from tests.conformance.corpus import read_octets
from tests.conformance.wire import Connection, Request, build, dial
from tests.router import Router

_MEGABYTE = 1 << 20
_MUTANTS = 300
_IDLE_CONNECTIONS = 1000
_SEASONING = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"%s%n%x",
    b"\xff\xfe",
    b"\xc3(",
    b";;,;",
    b'"',
    b"<",
    b"9" * 40,
    b"A" * 4096,
)


def _mutate(octets: bytes, dice: random.Random) -> bytes:
    """One to four cuts, insertions and repetitions at random places."""
    mutant = octets
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(mutant))
        until = min(len(mutant), at + dice.choice((0, 1, 8, 64)))
        mutant = mutant[:at] + dice.choice((dice.choice(_SEASONING), mutant[at:until] * 3, b"")) + mutant[until:]
    return mutant


def test_l01_mutated_invites_leave_the_router_serving(router: Router, transport: str) -> None:
    dice = random.Random(4475)  # noqa: S311 - a seed makes the mutants repeatable; nothing is secret
    octets = read_octets("edges/e001-invite-known-user.dat")
    failures = router.read_metric("callrouter_session_failures_total")
    before = resident_bytes(router.pid)

    for _ in range(_MUTANTS):
        with dial(router, transport) as connection:
            connection.send(_mutate(octets, dice))
    with dial(router, transport) as connection:
        assert connection.call(build()).status == 302

    assert router.read_metric("callrouter_session_failures_total") == failures == 0
    assert resident_bytes(router.pid) - before < 8 * _MEGABYTE


# Written for this test in the manner of the devices that stand in front of Exchange UM; no capture of one.
_DEVICES = {
    "gateway": build(
        uri="sip:5000@192.0.2.20:5060;user=phone",
        changes={
            "Via": "SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bKac1122334455;alias",
            "From": '"4000" <sip:4000@192.0.2.10>;tag=1c998877',
            "To": "<sip:5000@192.0.2.20;user=phone>",
            "Diversion": '"4001"<sip:4001@192.0.2.10>;reason=no-answer;counter=1;screen=yes;privacy=off',
            "Supported": "em,100rel,timer,replaces,path,resource-priority",
            "Allow": "REGISTER,OPTIONS,INVITE,ACK,CANCEL,BYE,NOTIFY,PRACK,REFER,INFO,SUBSCRIBE,UPDATE",
            "User-Agent": "Gateway/v.6.60A",
            "Min-SE": "90",
        },
    ),
    "ip-pbx": build(
        uri="sip:5000@router.example.com:5060",
        changes={
            "Via": "SIP/2.0/TCP 192.0.2.30:5060;branch=z9hG4bK-1d-5e2a-77",
            "From": "<sip:+14255550101@192.0.2.30>;tag=65789~ffa80926-5fac-4dd6-b405-2dbbc56ae8b0-27834",
            "Date": "Mon, 01 Jan 2024 10:00:00 GMT",
            "Cisco-Guid": "2853218816-0000065536-0000000042-0338733248",
            "Call-Info": '<sip:192.0.2.30:5060>;method="NOTIFY;Event=telephone-event;Duration=500"',
            "P-Asserted-Identity": "<sip:+14255550101@192.0.2.30>",
            "Remote-Party-ID": "<sip:+14255550101@192.0.2.30>;party=calling;screen=yes;privacy=off",
            "Expires": "180",
        },
    ),
    "mediation-server": build(
        uri="sip:alice@example.com;opaque=app:voicemail",
        changes={
            "Via": 'SIP/2.0/TLS 192.0.2.40:51012;branch=z9hG4bKAB12.8D3C77DA14F6ADD8;ms-internal-info="x1"',
            "From": "<sip:bob@example.com>;tag=a1b2c3;epid=0123456789",
            "Record-Route": "<sip:pool.example.com:5061;transport=tls;lr>;tag=77AA",
            "History-Info": "<sip:alice@example.com>;index=1;ms-retarget-reason=forwarding",
            "ms-application-via": "SIP;ms-urc-rs-from;ms-server=pool.example.com",
            "Supported": "ms-safe-transfer, ms-dialog-route-set-update, histinfo, Ms-Fe",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("device", _DEVICES.values(), ids=_DEVICES.keys())
def test_l02_messages_in_the_manner_of_devices_are_redirected(connection: Connection, device: Request) -> None:
    assert connection.call(device).status == 302
    connection.assert_alive()


def test_l03_thousand_idle_connections_disturb_nobody_and_are_closed(impatient_router: Router) -> None:
    raise_file_limit()
    idle = [dial(impatient_router) for _ in range(_IDLE_CONNECTIONS)]
    with dial(impatient_router) as active:
        assert active.call(build()).status == 302

    for connection in idle:
        with connection:
            connection.assert_closed()


def test_l04_good_connection_is_served_beside_a_bad_one(router: Router, transport: str) -> None:
    with dial(router, transport) as bad, dial(router, transport) as good:
        bad.send(read_octets("edges/e107-half-message.dat"))
        good.assert_alive()
        bad.send(b"\0" * 1000 + b"\r\n\r\n")

        assert good.call(build()).status == 302
