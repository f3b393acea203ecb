"""config/directory.toml shows every table and key, loads, and its calls are decided as its comments say."""

import re
from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import get_args

import pytest

from callrouter.decision import CallType, Redirect, Reject
from callrouter.directory.lookup import DirectoryLookup
from callrouter.facts import gather_caller_facts, gather_facts
from callrouter.pool.model import build_pool
from callrouter.reason import Reason
from callrouter.redirect import decide
from callrouter.snapshot import RoutingSnapshot
from callrouter.sources.document import DirectoryDocument
from callrouter.sources.file import load_directory
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.unit.sip.messages import make_request

FILE = Path(__file__).parents[3] / "config" / "directory.toml"
ROUTER = "192.0.2.1"
PBX = Peer("192.0.2.10", 40000, local_address=ROUTER, local_port=5060)
CARRIER = replace(PBX, address="198.51.100.7")
OLD_PBX = replace(PBX, address="192.0.2.11")
MEDIATION = Peer("192.0.2.20", 40000, Transport.TLS, ROUTER, 5061, PeerCertificate(("mediation.example.com",)))
ALICE = "<sip:5001@192.0.2.10>;reason=no-answer"
DAVE = "<sip:dave@example.com>;reason=user-busy"


@cache
def snapshot() -> RoutingSnapshot:
    directory = load_directory(FILE, port_offset=0)
    # What the carrier's name would have been resolved to.
    gateways = tuple(
        replace(each, resolved=(ip_address(CARRIER.address),)) if each.name == "bonn-carrier" else each
        for each in directory.gateways
    )
    return RoutingSnapshot(DirectoryLookup(replace(directory, gateways=gateways)), build_pool(directory.servers))


def call(peer: Peer, called: str, calling: str, diversion: str | None = None) -> Redirect | Reject:
    request = make_request(uri=f"sip:{called}", From=f"<sip:{calling}>;tag=f1", Diversion=diversion)
    decision = decide(gather_facts(request, gather_caller_facts(peer)), snapshot())
    assert isinstance(decision, Redirect | Reject)
    return decision


@pytest.mark.parametrize(
    ("peer", "called", "calling", "diversion", "call_type", "contact"),
    [
        (
            PBX,
            "5999@r.test",
            "5555@pbx",
            ALICE,
            CallType.CALL_ANSWERING,
            "sip:5999@mbx1.example.com:5062;transport=Tcp",
        ),
        (
            PBX,
            "5999@r.test",
            "5002@pbx",
            None,
            CallType.OUTLOOK_VOICE_ACCESS,
            "sip:5999@mbx2.example.com:5062;transport=Tcp",
        ),
        (
            PBX,
            "5999@r.test",
            "+4922855512@pbx",
            None,
            CallType.OUTLOOK_VOICE_ACCESS,
            "sip:5999@mbx1.example.com:5062;transport=Tcp",
        ),
        (
            CARRIER,
            "+4922855500@r.test",
            "+15550100@carrier",
            "<tel:+4922855512>;reason=no-answer",
            CallType.CALL_ANSWERING,
            "sip:+4922855500@mbx1.example.com:5062;transport=Tcp",
        ),
        (
            MEDIATION,
            "voicemail@example.com",
            "erin@example.com",
            DAVE,
            CallType.CALL_ANSWERING,
            "sip:voicemail@mbx2.example.com:5063;transport=Tls",
        ),
    ],
    ids=["call answering", "outlook voice access", "known in another dial plan", "E164", "secured dial plan"],
)
def test_example_call_is_redirected_as_its_comment_says(
    peer: Peer, called: str, calling: str, diversion: str | None, call_type: CallType, contact: str
) -> None:
    decision = call(peer, called, calling, diversion)
    assert isinstance(decision, Redirect)
    assert (decision.call_type, [str(target) for target in decision.targets]) == (call_type, [contact])


def test_example_auto_attendant_takes_calls_to_its_number_on_any_server_that_is_there() -> None:
    decision = call(PBX, "5100@r.test", "5555@pbx")
    assert isinstance(decision, Redirect)
    assert decision.call_type is CallType.AUTO_ATTENDANT
    assert decision.server in ("MBX1", "MBX2")


@pytest.mark.parametrize(
    ("peer", "called", "diversion", "reason"),
    [
        (PBX, "5101@r.test", None, Reason.NO_SUCH_NUMBER),
        (OLD_PBX, "5999@r.test", None, Reason.GATEWAY_DISABLED),
        (replace(PBX, address="192.0.2.99"), "5999@r.test", None, Reason.UNKNOWN_GATEWAY),
        (MEDIATION, "somebody@example.com", None, Reason.NO_HUNT_GROUP),
    ],
    ids=["after hours", "old pbx", "stranger", "no hunt group"],
)
def test_example_call_is_rejected_as_its_comment_says(
    peer: Peer, called: str, diversion: str | None, reason: Reason
) -> None:
    assert call(peer, called, "5002@pbx", diversion) == Reject(reason)


def test_example_secured_dial_plan_refuses_calls_over_tcp() -> None:
    # Over TCP the mediation server is known by what its name resolves to.
    base = snapshot()
    directory = base.lookup.directory
    gateways = tuple(replace(each, resolved=(ip_address(MEDIATION.address),)) for each in directory.gateways[2:3])
    lookup = DirectoryLookup(replace(directory, gateways=gateways))
    peer = replace(MEDIATION, transport=Transport.TCP, local_port=5060, certificate=None)
    request = make_request(uri="sip:voicemail@example.com", From="<sip:erin@example.com>;tag=1", Diversion=DAVE)
    facts = gather_facts(request, gather_caller_facts(peer))
    assert decide(facts, replace(base, lookup=lookup)) == Reject(Reason.SECURITY_MISMATCH)


@pytest.mark.parametrize("table", DirectoryDocument.model_fields)
def test_example_shows_every_table_and_key(table: str) -> None:
    sections = re.split(r"^\[\[(\w+)\]\]$", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    bodies = [body for name, body in zip(sections[1::2], sections[2::2], strict=True) if name == table]
    shown = set(re.findall(r"^(\w+) = ", "\n".join(bodies), flags=re.MULTILINE))
    assert shown == set(get_args(DirectoryDocument.model_fields[table].annotation)[0].model_fields)
