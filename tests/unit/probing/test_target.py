"""Where a target is, what is asked for there, and whose certificate it has to show."""

import ssl
from dataclasses import replace

import pytest

from callrouter.pool.health import Place
from callrouter.probing.config import ProbeConfig
from callrouter.probing.target import Target, locate
from callrouter.transport.client import Destination
from callrouter.transport.tls import build_client_context
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.transport.certificates import LabCertificates

TCP = ("MBX1", Transport.TCP)
TLS = ("MBX1", Transport.TLS)
BOTH = Place("mbx1.example.com", "192.0.2.7", 5062)


@pytest.fixture
def verifying(certificates: LabCertificates) -> ProbeConfig:
    return ProbeConfig(tls=build_client_context(certificates.authority.certificate_file, verify_host=False))


@pytest.mark.parametrize(
    ("place", "uri"),
    [
        (BOTH, "sip:192.0.2.7:5062;transport=tcp"),
        (Place("mbx1.example.com", "", 5062), "sip:mbx1.example.com:5062;transport=tcp"),
        (Place("", "2001:db8::7", 5062), "sip:[2001:db8::7]:5062;transport=tcp"),
        (Place("", "", 15062), "sip:127.0.0.1:15062;transport=tcp"),
    ],
)
def test_target_is_at_its_address_else_its_name_else_on_this_host(place: Place, uri: str) -> None:
    assert locate(TCP, place, ProbeConfig()).uri == uri


def test_target_of_nowhere_is_where_the_config_says() -> None:
    target = locate(TCP, Place(port=5062), ProbeConfig(fallback_host="::1"))
    assert target == Target("MBX1", Transport.TCP, Destination("::1", 5062))


def test_tls_target_is_connected_to_with_the_context(verifying: ProbeConfig) -> None:
    target = locate(TLS, BOTH._replace(port=5063), verifying)
    assert target.destination == Destination("192.0.2.7", 5063, verifying.tls)
    assert target.uri == "sip:192.0.2.7:5063;transport=tls"
    assert target.expected_name == "mbx1.example.com"


def test_tls_target_without_a_context_cannot_be_probed() -> None:
    with pytest.raises(ValueError, match="a TLS port cannot be probed without a TLS context"):
        locate(TLS, BOTH, ProbeConfig())


def test_name_is_expected_where_certificates_are_verified_only() -> None:
    config = ProbeConfig(tls=build_client_context(None))
    assert config.tls is not None
    assert config.tls.verify_mode is ssl.CERT_NONE
    assert locate(TLS, BOTH, config).expected_name == ""


def test_target_without_a_name_expects_none(verifying: ProbeConfig) -> None:
    assert locate(TLS, Place("", "192.0.2.7", 5063), verifying).expected_name == ""


@pytest.mark.parametrize(
    ("certificate", "is_named"),
    [
        (None, False),
        (PeerCertificate(), False),
        (PeerCertificate(("mbx1.example.com",)), True),
        (PeerCertificate(("other.example.com", "mbx1.example.com")), True),
        (PeerCertificate((), "mbx1.example.com"), True),
        (PeerCertificate(("other.example.com",), "mbx1.example.com"), False),
        (PeerCertificate(("*.example.com",)), False),
    ],
)
def test_certificate_has_to_hold_the_whole_name(certificate: PeerCertificate | None, is_named: bool) -> None:
    peer = Peer("192.0.2.7", 5063, Transport.TLS, certificate=certificate)
    target = Target("MBX1", Transport.TLS, Destination("192.0.2.7", 5063), "mbx1.example.com")
    assert target.is_named_by(peer) is is_named
    assert replace(target, expected_name="").is_named_by(peer)
