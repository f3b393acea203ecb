from ipaddress import ip_address

import pytest

from callrouter.facts import gather_caller_facts, gather_facts
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.unit.sip.messages import make_request

CALLER = gather_caller_facts(Peer("192.0.2.10", 40000))


@pytest.mark.parametrize(
    ("certificate", "identities"),
    [(None, None), (PeerCertificate(("gw.test",)), ("gw.test",)), (PeerCertificate(), ())],
)
def test_gather_caller_facts_tells_no_certificate_from_one_without_names(
    certificate: PeerCertificate | None, identities: tuple[str, ...] | None
) -> None:
    caller = gather_caller_facts(Peer("2001:db8::9", 1, Transport.TLS, "192.0.2.1", 5061, certificate))
    assert (caller.address, caller.transport) == (ip_address("2001:db8::9"), Transport.TLS)
    assert (caller.local_address, caller.local_port, caller.identities) == ("192.0.2.1", 5061, identities)


@pytest.mark.parametrize(
    ("uri", "called", "is_sips"),
    [
        ("sip:100@h", "100", False),
        ("SIPS:A%2Fb;x@h", "A%2Fb;x", True),
        ("sip:100:secret@h", "100", False),
        ("sip:h", "", False),
        ("tel:+1-(555)-0100;ext=1", "+15550100", False),
        ("urn:service:sos", "", False),
    ],
)
def test_gather_facts_called_is_the_user_as_written_or_the_digits(uri: str, called: str, is_sips: bool) -> None:
    facts = gather_facts(make_request(uri=uri, Call_ID="c9"), CALLER)
    assert (facts.called, facts.is_sips, facts.call_id, facts.caller) == (called, is_sips, "c9", CALLER)


@pytest.mark.parametrize(
    ("param", "maddr"),
    [
        ("", ""),
        (";maddr=192.0.2.9", "192.0.2.9"),
        (";maddr=Host.test", "Host.test"),
        (";maddr=[2001:db8::1]", "[2001:db8::1]"),
        (";maddr=", ""),
        (";maddr", ""),
        (";maddr=a&b", ""),
        (";maddr=[x]", ""),
        (";maddr=h:99", ""),
        (";maddr=[::1]:99", ""),
    ],
)
def test_gather_facts_maddr_is_repeated_where_it_is_a_host(param: str, maddr: str) -> None:
    assert gather_facts(make_request(uri=f"sip:100@h{param}"), CALLER).maddr == maddr
