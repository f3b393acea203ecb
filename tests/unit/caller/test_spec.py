from callrouter.caller.spec import CallerConfig, CallSpec, CallTimeouts, ignore
from callrouter.telemetry import KeepAliveAnswered
from callrouter.wire import Peer, Transport


def test_spec_defaults_are_those_of_the_command() -> None:
    spec = CallSpec("sip:2001@router")
    assert (spec.hold_seconds, spec.transport, spec.redirects.max_redirects) == (1.0, Transport.TCP, 5)
    assert spec.timeouts == CallTimeouts(30.0, 10.0, 8.0, 5.0)


def test_config_names_us_and_lingers_less_than_the_second_that_a_cancelled_call_may_take() -> None:
    config = CallerConfig()
    assert config.user_agent.startswith("callrouter/")
    assert config.transport_limits.linger_seconds < 1.0
    assert config.tls is None


def test_ignore_takes_any_event() -> None:
    ignore(KeepAliveAnswered(Peer("192.0.2.1", 5060)))
