"""Settings as the frozen configurations of the layers below, which know nothing of pydantic. Conversions only."""

from pathlib import Path

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import Directory
from callrouter.observability.logs import LogConfig
from callrouter.pool.model import build_pool
from callrouter.pool.selection import Selection
from callrouter.session import SessionLimits
from callrouter.settings.model import LimitSettings, LogSettings, Settings, TlsSettings
from callrouter.sip.limits import MessageLimits
from callrouter.sip.respond import header_line
from callrouter.snapshot import AnswerForm, RoutingSnapshot
from callrouter.transport.config import TransportLimits
from callrouter.transport.tls import TlsFiles, TlsPolicy

_PSEUDONYM = "callrouter"
"""Names this server in Warning header fields where it has no name of its own (RFC 3261 20.43, warn-agent)."""


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


def freeze_snapshot(
    settings: Settings, directory: Directory, own_endpoints: frozenset[tuple[str, int]]
) -> RoutingSnapshot:
    """The snapshot that these settings and this directory make."""
    redirect = settings.redirect
    server = redirect.effective_server_header
    form = AnswerForm(
        server_line=header_line("Server", server) if server else "",
        warning_agent=(settings.router.external_host_fqdn or _PSEUDONYM) if redirect.warnings else "",
        retry_after_seconds=redirect.retry_after_seconds,
        delay_seconds=redirect.delay_seconds,
        options_as_invite=redirect.options_to_user == "as-invite",
    )
    return RoutingSnapshot(
        lookup=DirectoryLookup(directory),
        pool=build_pool(directory.servers),
        component_state=settings.router.component_state,
        selection=Selection(settings.pool.selection),
        own_endpoints=own_endpoints,
        form=form,
    )
