"""Settings as the layers below get them: every value arrives, and under its own name."""

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.decision import REJECTIONS, Rejection
from callrouter.directory.model import ComponentState, Directory, MailboxServer, UMIPGateway
from callrouter.dispatcher import Dispatcher
from callrouter.facts import gather_caller_facts
from callrouter.pool.health import UNWATCHED, HealthPolicy, PoolHealth, Probing, answered
from callrouter.pool.selection import Selection
from callrouter.reason import Reason
from callrouter.settings.freeze import (
    freeze_form,
    freeze_health_policy,
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
    RouterSettings,
    Settings,
    TlsSettings,
)
from callrouter.settings.redirect import RedirectSettings
from callrouter.settings.values import StartupMode
from callrouter.sip.grammar import is_token
from callrouter.sip.limits import MessageLimits
from callrouter.sip.respond import build_response
from callrouter.snapshot import AnswerForm, SnapshotCell
from callrouter.stream import SessionLimits
from callrouter.transport.config import TransportLimits
from callrouter.wire import Peer, Transport
from tests.unit.sip.messages import make_request

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
        pool=PoolSettings(selection=Selection.FIRST),
        redirect=RedirectSettings(
            server_header="mine", delay_seconds=0.5, retry_after_seconds=7, options_to_user="as-invite"
        ),
    )
    own = frozenset({("192.0.2.1", 5060)})
    snapshot = freeze_snapshot(settings, Directory(), own)
    assert snapshot.component_state is ComponentState.DRAINING
    assert snapshot.selection is Selection.FIRST
    assert snapshot.own_endpoints == own
    form = snapshot.form
    assert form.server_line == "Server: mine\r\n"
    assert form.warning_agent == "um.example.test"
    assert (form.delay_seconds, form.retry_after_seconds, form.options_as_invite) == (0.5, 7, True)


@pytest.mark.parametrize(
    ("mode", "transports"),
    [
        (StartupMode.TCP, (Transport.TCP,)),
        (StartupMode.TLS, (Transport.TLS,)),
        (StartupMode.DUAL, (Transport.TCP, Transport.TLS)),
    ],
)
def test_health_policy_probes_what_callers_can_be_sent_to(mode: StartupMode, transports: tuple[Transport, ...]) -> None:
    pool = PoolSettings(probing=Probing.ASSUME_HEALTHY, down_after=7, up_after=8)
    settings = Settings(router=RouterSettings(um_startup_mode=mode), pool=pool)
    assert freeze_health_policy(settings) == HealthPolicy(Probing.ASSUME_HEALTHY, 7, 8, transports)


def test_health_policy_of_the_defaults_is_that_of_the_health() -> None:
    assert freeze_health_policy(Settings()) == HealthPolicy()


def test_snapshot_sends_calls_where_the_health_says_and_everywhere_without_one() -> None:
    settings = Settings(pool=PoolSettings(probing=Probing.ON))
    servers = (MailboxServer("MBX1", "mbx1.test"), MailboxServer("MBX2", "mbx2.test"))
    health = PoolHealth(freeze_health_policy(settings)).retain(servers, 1.0)
    health, _ = health.record(("MBX2", Transport.TLS), answered(200), 2.0)
    pool = freeze_snapshot(settings, Directory(servers=servers), frozenset(), health).pool
    assert pool.health is health
    assert [(member.server.name, member.tcp_port, member.tls_port) for member in pool.available] == [("MBX2", 0, 5063)]
    unasked = freeze_snapshot(settings, Directory(servers=servers), frozenset()).pool
    assert unasked.health is UNWATCHED
    assert [member.server.name for member in unasked.available] == ["MBX1", "MBX2"]


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


def freeze(**redirect: Any) -> AnswerForm:
    return freeze_form(Settings.model_validate({"redirect": redirect}))


def freeze_reason(**entry: Any) -> Rejection:
    return freeze(reasons={"no-mailbox-server": entry}).rejections[Reason.NO_MAILBOX_SERVER]


def test_default_form_is_that_of_the_layer_below_with_a_server_header() -> None:
    assert freeze(server_header="") == AnswerForm()
    assert freeze().tail == "Server: RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017\r\n"


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        ({"transport_spelling": "tcp"}, {"tcp_transport": "tcp", "tls_transport": "tls"}),
        ({"transport_spelling": "TCP"}, {"tcp_transport": "TCP", "tls_transport": "TLS"}),
        ({"transport_spelling": "Tcp"}, {"tcp_transport": "Tcp", "tls_transport": "Tls"}),
        ({"tls_contact": "sips"}, {"sips_contacts": True}),
        ({"contact_host": "address"}, {"prefers_address": True}),
        ({"contacts": "all"}, {"all_contacts": True}),
        ({"extra_headers": {"X-A": "1", "x-b": ""}}, {"extra_lines": "X-A: 1\r\nx-b: \r\n"}),
        (
            {"header_case": "rtcc", "server_header": "s"},
            {"upper_case_names": True, "server_line": "SERVER: s\r\n"},
        ),
    ],
)
def test_form_holds_each_setting_and_nothing_else_changes(redirect: dict[str, Any], expected: dict[str, Any]) -> None:
    assert freeze(**{"server_header": "", **redirect}) == AnswerForm(**expected)


def test_form_names_this_server_in_diagnostics_even_where_warnings_are_off() -> None:
    settings = Settings.model_validate(
        {"router": {"external_host_fqdn": "um.example.test"}, "redirect": {"warnings": False}}
    )
    form = freeze_form(settings)
    assert (form.host, form.warning_agent) == ("um.example.test", "")


def test_rejections_without_a_word_about_them_are_the_default_ones() -> None:
    form = freeze(reasons={"no-mailbox-server": {"status": 480}})
    changed = [reason for reason in REJECTIONS if form.rejections[reason] != REJECTIONS[reason]]
    assert changed == [Reason.NO_MAILBOX_SERVER]
    assert form.rejections.keys() == REJECTIONS.keys()
    assert freeze().rejections == REJECTIONS


@pytest.mark.parametrize(
    ("entry", "may_retry", "seconds"),
    [
        ({}, True, 0),
        ({"retry_after_seconds": 0}, False, 0),
        ({"retry_after_seconds": 3}, True, 3),
        ({"status": 480}, True, 0),
        ({"status": 404, "retry_after_seconds": 0}, False, 0),
        ({"status": 403}, False, 0),
        ({"status": 403, "retry_after_seconds": 3}, True, 3),
    ],
)
def test_rejection_retry_after_follows_the_status_unless_it_is_set(
    entry: dict[str, Any], may_retry: bool, seconds: int
) -> None:
    rejection = freeze_reason(**entry)
    assert (rejection.may_retry, rejection.retry_after_seconds) == (may_retry, seconds)


def test_rejection_takes_status_sentence_and_diagnostics() -> None:
    rejection = freeze_reason(status=486, warning="w", ms_diagnostics_id=15999, ms_diagnostics_text="d")
    assert (rejection.status, rejection.sentence) == (486, "w")
    assert (rejection.diagnostics_id, rejection.diagnostics_text) == (15999, "d")
    assert freeze_reason(ms_diagnostics_id=1, warning="w").diagnostics_text == "w"


# --- as it goes out

DIRECTORY = Directory(
    (UMIPGateway("gw", ip_network("192.0.2.0/24")),), (MailboxServer("MBX1", "mbx1.test", "192.0.2.1"),)
)
CALLER = gather_caller_facts(Peer("192.0.2.10", 40000))
STRANGER = gather_caller_facts(Peer("198.51.100.1", 40000))


def answer(settings: Settings, *, known: bool) -> bytes:
    """What an INVITE gets: a redirect, or where the caller is not known `unknown-gateway`."""
    request = make_request()
    dispatcher = Dispatcher(SnapshotCell(freeze_snapshot(settings, DIRECTORY, frozenset())))
    outcome = dispatcher.answer(request, CALLER if known else STRANGER)
    return build_response(request, outcome.status, ("192.0.2.10", 40000), to_tag="t", extra=outcome.extra)


def test_configured_form_reaches_the_wire() -> None:
    redirect = {
        "server_header": "s",
        "transport_spelling": "TCP",
        "contact_host": "address",
        "contacts": "all",
        "extra_headers": {"X-Lab": "1"},
        "header_case": "rtcc",
        "reasons": {"unknown-gateway": {"status": 480, "retry_after_seconds": 5, "ms_diagnostics_id": 15999}},
    }
    settings = Settings.model_validate({"redirect": redirect})
    assert answer(settings, known=True).decode().split("\r\n")[6:] == [
        "Contact: <sip:100@192.0.2.1:5062;transport=TCP>;q=1.000",
        "X-Lab: 1",
        "SERVER: s",
        "CONTENT-LENGTH: 0",
        "",
        "",
    ]
    refused = answer(settings, known=False).decode().split("\r\n")
    assert refused[0] == "SIP/2.0 480 Temporarily Unavailable"
    assert refused[6:9] == [
        "Retry-After: 5",
        'Warning: 399 callrouter "unknown-gateway: The peer is not a UM IP gateway"',
        'ms-diagnostics: 15999;source="callrouter";reason="The peer is not a UM IP gateway"',
    ]


SOUND_TEXT = st.text('ab "\\:;é€-', min_size=1, max_size=6)
TEXT = (
    SOUND_TEXT
    | SOUND_TEXT
    | st.text(max_size=6)
    | st.lists(st.sampled_from(["\r\n", "\r", "\n", "\0", "\\", '"', "a", ": "]), max_size=5).map("".join)
)
NAME = st.text("abc-.!%", max_size=6) | TEXT


@given(TEXT, NAME, TEXT, st.tuples(TEXT, TEXT), st.sampled_from(["standard", "rtcc"]))
def test_no_configured_text_can_put_a_line_end_into_an_answer(
    server: str, name: str, value: str, texts: tuple[str, str], case: str
) -> None:
    reason = {"warning": texts[0], "ms_diagnostics_id": 1, "ms_diagnostics_text": texts[1]}
    redirect = {
        "server_header": server,
        "extra_headers": {f"X-{name}": value},
        "header_case": case,
        "reasons": {"unknown-gateway": reason},
    }
    if not all(text.isprintable() for text in (server, name, value, *texts)):
        with pytest.raises(ValidationError):
            Settings.model_validate({"redirect": redirect})
        return
    assume(all(texts) and is_token(f"X-{name}"))
    settings = Settings.model_validate({"redirect": redirect})
    for known, count in ((True, 2), (False, 2)):
        octets = answer(settings, known=known)
        assert octets.count(b"\r\n") == octets.count(b"\r") == octets.count(b"\n")
        # Six lines that every answer has, two that these settings add, Server if there is one, Content-Length.
        assert len(octets.removesuffix(b"\r\n\r\n").split(b"\r\n")) == 6 + count + bool(server) + 1
        assert b"\0" not in octets
        assert octets.count(b"\r\n\r\n") == 1
