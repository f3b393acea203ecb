"""The calls of the bench are decided by number: each goes to the server that has its user's database."""

from pathlib import Path

import pytest

from bench.directory import load_snapshot
from bench.invite import build_call_name, build_call_template, list_extensions
from bench.site import write_site
from callrouter.decision import CallType, Decision, Redirect, Reject
from callrouter.facts import gather_caller_facts, gather_facts
from callrouter.reason import Reason
from callrouter.redirect import decide
from callrouter.sip.grammar import decode
from callrouter.sip.message import Request
from callrouter.sip.parser import parse_head
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Peer, PeerCertificate, Transport

USERS = 20
PEERS = {
    "TCP": Peer("127.0.0.1", 40000),
    "TLS": Peer("127.0.0.1", 40000, Transport.TLS, "127.0.0.1", 5061, PeerCertificate(("client.callrouter.test",))),
}


def decide_call(snapshot: RoutingSnapshot, transport: str, extension: bytes) -> Decision:
    name = build_call_name(1, 1)
    template = build_call_template(tls=transport == "TLS", router_port=5060, local_port=40000)
    invite = template.invite % (name, name, name, extension)
    request = parse_head(decode(invite.partition(b"\r\n\r\n")[0]), 256)
    assert isinstance(request, Request)
    return decide(gather_facts(request, gather_caller_facts(PEERS[transport])), snapshot)


@pytest.mark.parametrize("transport", PEERS)
def test_every_user_is_called_and_found_by_extension(tmp_path: Path, transport: str) -> None:
    write_site(tmp_path / "directory.toml", transport, USERS)
    snapshot = load_snapshot(tmp_path / "directory.toml")
    extensions = list_extensions(USERS)
    assert sorted(map(int, extensions)) == list(range(USERS))
    for extension in extensions:
        decision = decide_call(snapshot, transport, extension)
        assert isinstance(decision, Redirect)
        assert (decision.call_type, decision.server) == (CallType.CALL_ANSWERING, f"mbx{int(extension) % 8}")


def test_extension_of_nobody_is_refused(tmp_path: Path) -> None:
    write_site(tmp_path / "directory.toml", "TCP", USERS)
    snapshot = load_snapshot(tmp_path / "directory.toml")
    assert decide_call(snapshot, "TCP", b"%06d" % USERS) == Reject(Reason.USER_NOT_ENABLED)
