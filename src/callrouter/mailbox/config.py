"""What an emulated Mailbox server is given: the settings of the group `mailbox`, frozen for one server."""

import socket
from dataclasses import dataclass

from callrouter.settings.mailbox import EmulatedServer, MailboxSettings
from callrouter.sources.document import MAX_NAME_LENGTH


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """How a server's workers answer. Seconds unless said otherwise."""

    max_calls: int = 100
    """MaxCallsAllowed (EXCHANGE-UM A3): live here, over it 503."""
    max_call_seconds: float = 1800.0
    """The dial plan's MaxCallDuration counts where it is shorter."""
    ringing_after_seconds: float = 0.0
    answer_after_seconds: float = 0.0
    detached_seconds: float = 600.0
    """How long a call lives whose connection is gone, for its peer to come back on another one."""
    rtp_port_min: int = 1024
    rtp_port_max: int = 65535
    advertised_host: str = ""
    """What Contacts carry; "" for the address at which the caller reached the server."""


def freeze_worker(settings: MailboxSettings, server: EmulatedServer) -> WorkerConfig:
    """The configuration of one server's workers."""
    return WorkerConfig(
        max_calls=settings.max_calls_allowed,
        max_call_seconds=settings.max_call_duration_seconds,
        ringing_after_seconds=settings.ringing_after_seconds,
        answer_after_seconds=settings.answer_after_seconds,
        detached_seconds=settings.detached_seconds,
        rtp_port_min=settings.rtp_port_min,
        rtp_port_max=settings.rtp_port_max,
        advertised_host=server.advertised_host or settings.advertised_host,
    )


def list_servers(settings: MailboxSettings) -> tuple[EmulatedServer, ...]:
    """The servers to emulate; where none is named, one under this host's name."""
    if settings.servers:
        return settings.servers
    return (EmulatedServer(name=socket.gethostname().partition(".")[0][:MAX_NAME_LENGTH] or "mailbox"),)
