import pytest

from callrouter.wire import CloseReason, Peer, PeerCertificate, Transport


@pytest.mark.parametrize(("address", "text"), [("192.0.2.1", "192.0.2.1:5060"), ("2001:db8::1", "[2001:db8::1]:5060")])
def test_peer_text_has_brackets_round_ipv6_only(address: str, text: str) -> None:
    assert str(Peer(address, 5060)) == text


@pytest.mark.parametrize(
    ("certificate", "identities"),
    [
        (PeerCertificate(("a.test", "b.test"), "cn.test"), ("a.test", "b.test")),
        (PeerCertificate((), "cn.test"), ("cn.test",)),
        (PeerCertificate(), ()),
    ],
)
def test_peer_certificate_identities_are_the_sans_or_else_the_cn(
    certificate: PeerCertificate, identities: tuple[str, ...]
) -> None:
    assert certificate.identities == identities


def test_wire_words_are_those_of_the_log() -> None:
    assert [str(transport) for transport in Transport] == ["TCP", "TLS"]
    assert all(reason.value == reason.name.lower().replace("_", "-") for reason in CloseReason)
