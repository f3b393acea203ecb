from callrouter.directory.model import (
    DEFAULT_TCP_PORT,
    DEFAULT_TLS_PORT,
    ComponentState,
    Directory,
    GatewayStatus,
    MailboxServer,
    UMIPGateway,
)


def test_model_defaults_are_those_of_the_product() -> None:
    server = MailboxServer("MBX1")
    assert (server.tcp_port, server.tls_port) == (DEFAULT_TCP_PORT, DEFAULT_TLS_PORT) == (5062, 5063)
    assert server.state is ComponentState.ACTIVE
    assert UMIPGateway("GW1").status is GatewayStatus.ENABLED
    assert Directory() == Directory((), ())


def test_model_words_are_those_of_the_cmdlets() -> None:
    assert [str(status) for status in GatewayStatus] == ["Enabled", "Disabled", "NoNewCalls"]
    assert [str(state) for state in ComponentState] == ["Active", "Draining", "Inactive"]
