from dataclasses import FrozenInstanceError, fields

import pytest

from callrouter.directory.model import (
    DEFAULT_GATEWAY_PORT,
    DEFAULT_MAX_CALL_DURATION,
    DEFAULT_TCP_PORT,
    DEFAULT_TLS_PORT,
    AutoAttendantStatus,
    ComponentState,
    Directory,
    GatewayIPAddressFamily,
    GatewayStatus,
    MailboxServer,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UriType,
    VoipSecurity,
)


def test_model_defaults_are_those_of_the_product() -> None:
    server = MailboxServer("MBX1")
    assert (server.tcp_port, server.tls_port) == (DEFAULT_TCP_PORT, DEFAULT_TLS_PORT) == (5062, 5063)
    assert server.state is ComponentState.ACTIVE
    gateway = UMIPGateway("GW1")
    assert (gateway.status, gateway.port, gateway.outcalls_allowed) == (
        GatewayStatus.ENABLED,
        DEFAULT_GATEWAY_PORT,
        True,
    )
    assert gateway.ip_address_family is GatewayIPAddressFamily.IPV4_ONLY
    plan = UMDialPlan("DP")
    assert (plan.uri_type, plan.voip_security) == (UriType.TELEXTN, VoipSecurity.UNSECURED)
    assert plan.max_call_duration == DEFAULT_MAX_CALL_DURATION == 30
    assert UMAutoAttendant("AA", "DP").status is AutoAttendantStatus.DISABLED
    assert UMHuntGroup("HG", "DP", "GW1").pilot_identifier == ""
    assert DEFAULT_GATEWAY_PORT == 5060


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (GatewayStatus, ["Enabled", "Disabled", "NoNewCalls"]),
        (ComponentState, ["Active", "Draining", "Inactive"]),
        (AutoAttendantStatus, ["Enabled", "Disabled"]),
        (UriType, ["TelExtn", "SipName", "E164"]),
        (VoipSecurity, ["Unsecured", "SIPSecured", "Secured"]),
        (GatewayIPAddressFamily, ["IPv4Only", "IPv6Only", "Any"]),
    ],
)
def test_model_words_are_those_of_the_cmdlets(words: list[str], expected: list[str]) -> None:
    assert [str(word) for word in words] == expected


def test_directory_is_empty_by_default_and_frozen() -> None:
    directory = Directory()
    assert all(getattr(directory, field.name) == () for field in fields(Directory))
    with pytest.raises(FrozenInstanceError):
        directory.users = ()  # type: ignore[misc]  # the point of the test
