"""RoutingSnapshot: everything that a decision and its answer depend on, in one frozen value.

A reload makes a new one and swaps the reference in the `SnapshotCell`; nothing that a decision depends on is ever
changed in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from callrouter.decision import REJECTIONS, Rejection, Target
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory
from callrouter.pool.model import Pool
from callrouter.pool.selection import Selection
from callrouter.reason import Reason
from callrouter.sip.memo import SHARED_ENTRIES, Table
from callrouter.sip.respond import UPPER_CASE_END

_LEAST_ENTRIES = 64

KnownTargets: TypeAlias = Table[tuple[Target, ...]]
"""Targets by the number that was called."""


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How answers are written (settings group `redirect`)."""

    server_line: str = ""
    """A whole Server header line with its CRLF, or ""."""
    host: str = "callrouter"
    """Names this server in ms-diagnostics: an FQDN or address, else a pseudonym (EXCHANGE-UM B 4.4)."""
    warning_agent: str = "callrouter"
    """The host or pseudonym in Warning header fields; "" sends none (RFC 3261 20.43)."""
    retry_after_seconds: int = 10
    delay_seconds: float = 0.0
    """How long the final answer to an INVITE is held back."""
    options_as_invite: bool = False
    """Whether OPTIONS to a user is answered as an INVITE would be (RFC 3261 11.2), not 200."""
    tcp_transport: str = "Tcp"
    """How the transport parameter is spelt (EXCHANGE-UM A2)."""
    tls_transport: str = "Tls"
    sips_contacts: bool = False
    """Whether a TLS caller gets sips: without a transport parameter (RFC 5630) instead of sip: with transport=Tls."""
    prefers_address: bool = False
    """Whether a Contact carries the server's address even where it has an FQDN."""
    all_contacts: bool = False
    """Whether every eligible server is offered, with falling q, and not one."""
    extra_lines: str = ""
    """Whole header lines with their CRLFs, added to every redirect."""
    upper_case_names: bool = False
    """Whether header names are written as the published trace has them (EXCHANGE-UM B 4.2)."""
    rejections: Mapping[Reason, Rejection] = field(default_factory=lambda: REJECTIONS)
    """The answer to each Reason to reject."""
    tail: str = field(init=False, repr=False)
    """How every answer ends; prepared here, as the next, because it is written for every message."""
    tail_of_redirects: str = field(init=False, repr=False)
    """How a redirect ends, after its Contacts."""

    def __post_init__(self) -> None:
        end = UPPER_CASE_END if self.upper_case_names else ""
        tail = self.server_line + end
        object.__setattr__(self, "tail", tail)
        object.__setattr__(self, "tail_of_redirects", self.extra_lines + tail)


@dataclass(frozen=True, slots=True)
class RoutingSnapshot:
    """One state of the world."""

    lookup: DirectoryLookup = field(default_factory=lambda: DirectoryLookup(Directory()))
    pool: Pool = field(default_factory=Pool)
    component_state: ComponentState = ComponentState.ACTIVE
    is_full: bool = False
    """MaxCallsAllowed is reached; only ever true for an emulated UM service, for the router has no such limit (A3)."""
    selection: Selection = Selection.RENDEZVOUS
    own_endpoints: frozenset[tuple[str, int]] = frozenset()
    """(lower-case name or address, port) at which this router itself listens; no call is ever sent there."""
    form: AnswerForm = field(default_factory=AnswerForm)
    own_ports: frozenset[int] = field(init=False, repr=False, compare=False)
    """Those of `own_endpoints`, which are asked first."""
    known_targets: Mapping[str, tuple[KnownTargets, KnownTargets]] = field(init=False, repr=False, compare=False)
    """What calls were offered before, by the server's name: over TCP, over TLS. Callers call few numbers, and all else
    that a Contact holds is the snapshot's. The only part that grows, and no more than a cache."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "own_ports", frozenset(port for _, port in self.own_endpoints))
        share = max(_LEAST_ENTRIES, SHARED_ENTRIES // max(1, len(self.pool.by_name)))
        known: dict[str, tuple[KnownTargets, KnownTargets]] = {
            name: (Table(share), Table(share)) for name in self.pool.by_name
        }
        object.__setattr__(self, "known_targets", known)


class SnapshotCell:
    """The one place that holds the current snapshot; its owner swaps the reference."""

    __slots__ = ("current",)

    def __init__(self, snapshot: RoutingSnapshot) -> None:
        self.current = snapshot
