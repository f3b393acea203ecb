"""Settings as the frozen configurations of the layers below, which know nothing of pydantic. Conversions only."""

import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from callrouter.decision import REJECTIONS, Rejection
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import Directory
from callrouter.observability.logs import LogConfig
from callrouter.pool.health import UNWATCHED, HealthPolicy, PoolHealth
from callrouter.pool.model import build_pool
from callrouter.probing.config import ProbeConfig
from callrouter.reason import Reason
from callrouter.settings.advertised import advertise_servers, name_own_endpoints
from callrouter.settings.model import LimitSettings, LogSettings, Settings, TlsSettings
from callrouter.settings.redirect import RejectionSettings
from callrouter.settings.values import StartupMode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.respond import header_line
from callrouter.snapshot import AnswerForm, RoutingSnapshot
from callrouter.stream import SessionLimits
from callrouter.transport.config import TransportLimits
from callrouter.transport.tls import TlsFiles, TlsPolicy
from callrouter.wire import Transport

_PSEUDONYM = "callrouter"
"""Names this server in answers where it has no name of its own (RFC 3261 20.43, warn-agent)."""

_THIS_HOST = "127.0.0.1"
"""Where a Mailbox server is that has neither address nor name, for a router that listens everywhere."""

_TLS_SPELLINGS = MappingProxyType({"Tcp": "Tls", "tcp": "tls", "TCP": "TLS"})
"""`redirect.transport_spelling` -> the same for TLS."""

_TRANSPORTS = MappingProxyType(
    {
        StartupMode.TCP: (Transport.TCP,),
        StartupMode.TLS: (Transport.TLS,),
        StartupMode.DUAL: (Transport.TCP, Transport.TLS),
    }
)
"""`router.um_startup_mode` -> by which calls come."""

_MAY_RETRY = frozenset({404, 413, 480, 486, 500, 503, 600, 603})
"""Status codes that Retry-After goes with (RFC 3261 20.33)."""


def freeze_session_limits(limits: LimitSettings) -> SessionLimits:
    """The bounds of one connection's messages and transactions."""
    return SessionLimits(
        message=MessageLimits(
            max_head_bytes=limits.max_head_bytes,
            max_headers=limits.max_headers,
            max_request_uri_bytes=limits.max_request_uri_bytes,
            max_body_bytes=limits.max_body_bytes,
        ),
        max_transactions=limits.max_transactions,
        transaction_seconds=limits.transaction_seconds,
        message_seconds=limits.message_seconds,
        idle_seconds=limits.idle_seconds,
        drain_quiet_seconds=limits.drain_quiet_seconds,
    )


def freeze_transport_limits(limits: LimitSettings) -> TransportLimits:
    """The bounds of connections."""
    return TransportLimits(
        max_connections=limits.max_connections,
        max_connections_per_address=limits.max_connections_per_address,
        max_handshakes=limits.max_handshakes,
        handshake_seconds=limits.handshake_seconds,
        max_write_buffer_bytes=limits.max_write_buffer_bytes,
        write_seconds=limits.write_seconds,
        linger_seconds=limits.linger_seconds,
    )


def freeze_tls(tls: TlsSettings) -> tuple[TlsFiles, TlsPolicy]:
    """The files and the policy of the TLS listener; `load` has seen to it that the files are named."""
    files = TlsFiles(tls.certificate_file or Path(), tls.private_key_file or Path(), tls.ca_file)
    return files, TlsPolicy(tls.require_client_certificate, tls.minimum_version)


def freeze_log(log: LogSettings) -> LogConfig:
    """How to log."""
    return LogConfig(log.level, log.format, log.file)


def freeze_form(settings: Settings) -> AnswerForm:
    """How answers are written."""
    redirect = settings.redirect
    server = redirect.effective_server_header
    is_upper_case = redirect.header_case == "rtcc"
    host = settings.router.external_host_fqdn or _PSEUDONYM
    return AnswerForm(
        server_line=header_line("SERVER" if is_upper_case else "Server", server) if server else "",
        host=host,
        warning_agent=host if redirect.warnings else "",
        retry_after_seconds=redirect.retry_after_seconds,
        delay_seconds=redirect.delay_seconds,
        options_as_invite=redirect.options_to_user == "as-invite",
        tcp_transport=redirect.transport_spelling,
        tls_transport=_TLS_SPELLINGS[redirect.transport_spelling],
        sips_contacts=redirect.tls_contact == "sips",
        prefers_address=redirect.contact_host == "address",
        all_contacts=redirect.contacts == "all",
        extra_lines="".join(header_line(name, value) for name, value in redirect.extra_headers.items()),
        upper_case_names=is_upper_case,
        rejections=_freeze_rejections(redirect.effective_reasons),
    )


def _freeze_rejections(entries: Mapping[str, RejectionSettings]) -> Mapping[Reason, Rejection]:
    """The default answers, with what the settings say instead."""
    rejections = dict(REJECTIONS)
    for name, entry in entries.items():
        reason = Reason(name)
        rejections[reason] = _overlay(rejections[reason], entry)
    return MappingProxyType(rejections)


def _overlay(rejection: Rejection, entry: RejectionSettings) -> Rejection:
    if entry.status is not None:
        rejection = replace(
            rejection, status=entry.status, may_retry=rejection.may_retry and entry.status in _MAY_RETRY
        )
    if entry.warning is not None:
        rejection = replace(rejection, sentence=entry.warning)
    if entry.retry_after_seconds is not None:
        seconds = entry.retry_after_seconds
        rejection = replace(rejection, may_retry=seconds > 0, retry_after_seconds=seconds)
    if entry.ms_diagnostics_id is not None:
        text = entry.ms_diagnostics_text or rejection.sentence
        rejection = replace(rejection, diagnostics_id=entry.ms_diagnostics_id, diagnostics_text=text)
    return rejection


def freeze_health_policy(settings: Settings) -> HealthPolicy:
    """How probes become states. Only what callers can be sent to is probed: no TLS port by a router without TLS."""
    pool = settings.pool
    return HealthPolicy(pool.probing, pool.down_after, pool.up_after, _TRANSPORTS[settings.router.um_startup_mode])


def freeze_probes(settings: Settings, tls: ssl.SSLContext | None) -> ProbeConfig:
    """How servers are probed. tls: shows the router's certificate; None where it has none."""
    pool, router = settings.pool, settings.router
    return ProbeConfig(
        interval_seconds=pool.probe_interval_seconds,
        timeout_seconds=pool.probe_timeout_seconds,
        jitter=pool.probe_jitter,
        fallback_host=router.bind_address or _THIS_HOST,
        own_host=router.external_host_fqdn,
        tls=tls,
        limits=freeze_session_limits(settings.limits),
        transport_limits=freeze_transport_limits(settings.limits),
    )


def freeze_snapshot(
    settings: Settings,
    directory: Directory,
    own_endpoints: frozenset[tuple[str, int]],
    health: PoolHealth = UNWATCHED,
) -> RoutingSnapshot:
    """The snapshot that these settings and this directory make.

    health: what probes say of the servers; without it nobody probes, whatever the settings say.
    """
    advertised = advertise_servers(directory, settings)
    return RoutingSnapshot(
        lookup=DirectoryLookup(advertised),
        pool=build_pool(advertised.servers, health),
        component_state=settings.router.component_state,
        selection=settings.pool.selection,
        own_endpoints=name_own_endpoints(own_endpoints, directory, settings),
        form=freeze_form(settings),
    )
