"""Settings as the layers below get them: every value arrives, and under its own name."""

from dataclasses import fields
from pathlib import Path

import pytest

from callrouter.directory.model import ComponentState, Directory
from callrouter.pool.selection import Selection
from callrouter.session import SessionLimits
from callrouter.settings.freeze import (
    freeze_log,
    freeze_session_limits,
    freeze_snapshot,
    freeze_tls,
    freeze_transport_limits,
)
from callrouter.settings.model import (
    LimitSettings,
    LogSettings,
    PoolSettings,
    RedirectSettings,
    RouterSettings,
    Settings,
    TlsSettings,
)
from callrouter.sip.limits import MessageLimits
from callrouter.transport.config import TransportLimits

NOT_OF_A_CONNECTION = {"drain_seconds"}
"""Kept by the application, which stops all of them."""
NO_SETTING = {"linger_bytes"}

# Every limit with a value that no other has, within its bounds.
DISTINCT = LimitSettings.model_validate(
    {
        name: 5_000 + number if name.startswith("max_") else 30 + number / 100
        for number, name in enumerate(LimitSettings.model_fields)
    }
)


def collect(frozen: SessionLimits | TransportLimits | MessageLimits) -> dict[str, object]:
    return {field.name: getattr(frozen, field.name) for field in fields(frozen)}


def test_every_limit_arrives_under_its_own_name() -> None:
    session = freeze_session_limits(DISTINCT)
    arrived = {**collect(session), **collect(session.message), **collect(freeze_transport_limits(DISTINCT))}
    for name in set(LimitSettings.model_fields) - NOT_OF_A_CONNECTION:
        assert arrived.pop(name) == getattr(DISTINCT, name), name
    assert set(arrived) == NO_SETTING | {"message"}


def test_default_limits_are_those_of_the_layers_below() -> None:
    assert freeze_session_limits(LimitSettings()) == SessionLimits()
    assert freeze_transport_limits(LimitSettings()) == TransportLimits()


def test_tls_files_and_policy_arrive() -> None:
    tls = TlsSettings(
        certificate_file=Path("c.pem"),
        private_key_file=Path("k.pem"),
        ca_file=Path("ca.pem"),
        require_client_certificate=False,
        minimum_version="1.3",
    )
    files, policy = freeze_tls(tls)
    assert (files.certificate_file, files.private_key_file, files.ca_file) == (
        Path("c.pem"),
        Path("k.pem"),
        Path("ca.pem"),
    )
    assert (policy.require_client_certificate, policy.minimum_version) == (False, "1.3")


def test_log_settings_arrive() -> None:
    config = freeze_log(LogSettings(level="warning", format="json", file=Path("router.log")))
    assert (config.level, config.format, config.file) == ("warning", "json", Path("router.log"))


def test_snapshot_holds_what_decides_and_the_form_of_the_answers() -> None:
    settings = Settings(
        router=RouterSettings(component_state=ComponentState.DRAINING, external_host_fqdn="um.example.test"),
        pool=PoolSettings(selection="first"),
        redirect=RedirectSettings(
            server_header="mine", delay_seconds=0.5, retry_after_seconds=7, options_to_user="as-invite"
        ),
    )
    own = frozenset({("192.0.2.1", 5060)})
    snapshot = freeze_snapshot(settings, Directory(), own)
    assert snapshot.component_state is ComponentState.DRAINING
    assert snapshot.selection is Selection("first")
    assert snapshot.own_endpoints == own
    form = snapshot.form
    assert form.server_line == "Server: mine\r\n"
    assert form.warning_agent == "um.example.test"
    assert (form.delay_seconds, form.retry_after_seconds, form.options_as_invite) == (0.5, 7, True)


@pytest.mark.parametrize(
    ("redirect", "server_line", "agent"),
    [
        (RedirectSettings(server_header=""), "", "callrouter"),
        (RedirectSettings(warnings=False), "Server: RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017\r\n", ""),
        (RedirectSettings(profile="2013"), "Server: RTCC/4.0.0.0 MSExchangeUM/15.00.1497.012\r\n", "callrouter"),
    ],
    ids=["no-server-header", "no-warnings", "profile-2013"],
)
def test_form_leaves_out_what_is_switched_off(redirect: RedirectSettings, server_line: str, agent: str) -> None:
    form = freeze_snapshot(Settings(redirect=redirect), Directory(), frozenset()).form
    assert (form.server_line, form.warning_agent) == (server_line, agent)
