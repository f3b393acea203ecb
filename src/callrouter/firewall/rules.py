"""Which inbound rules there are, with the ports that the settings open: the eight of Exchange setup, and one of ours.

The names are documented, the ports of each rule are not (EXCHANGE-UM B 1, "Firewall rules created by setup"). Chosen: a
rule has the ports of the service that it is named after, with and without "(GFW)" the same, and no ports where nothing
listens here. TCP only: no rule ever opens a UDP port (EXCHANGE-UM A1).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from callrouter.settings.mailbox import MAX_RTP_PORT, MIN_RTP_PORT, EmulatedServer, MailboxSettings
from callrouter.settings.model import AdminSettings, RouterSettings, Settings
from callrouter.settings.values import StartupMode
from callrouter.wire import Transport

MAX_PORT = 65535

ADMIN_RULE_NAME = "callrouter admin (TCP-In)"

_NOT_EMULATED = "left out, no port in force: nothing of it is emulated"
_ADMIN_REMARK = "not of the product but of callrouter: console, API, health, metrics"
_NAMES_OF_TRANSPORTS: Mapping[Transport, str] = MappingProxyType({Transport.TCP: "TCP", Transport.TLS: "mutual TLS"})


class Role(StrEnum):
    """The two roles of the product, which are often on different hosts."""

    ROUTER = "router"
    MAILBOX = "mailbox"


@dataclass(frozen=True, slots=True)
class Rule:
    """One inbound rule.

    ports: TCP, ascending, each once; none where nothing listens.  remark: what the ports are, or why there are none.
    """

    name: str
    ports: tuple[int, ...]
    role: Role
    remark: str


class RuleError(Exception):
    """Ports that no rule can be written for; `problems` names the setting of each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Service(StrEnum):
    """What a documented rule is named after and listens here."""

    CALL_ROUTER = "UMCallRouter"
    UM_SERVICE = "UMService"
    UM_WORKER = "UMWorkerProcess"


_DOCUMENTED: tuple[tuple[str, Role, _Service | None], ...] = (
    ("SESWorker (GFW) (TCP-In)", Role.MAILBOX, None),
    ("UMCallRouter (GFW) (TCP-In)", Role.ROUTER, _Service.CALL_ROUTER),
    ("UMCallRouter (TCP-In)", Role.ROUTER, _Service.CALL_ROUTER),
    ("UMService (GFW) (TCP-In)", Role.MAILBOX, _Service.UM_SERVICE),
    ("UMService (TCP-In)", Role.MAILBOX, _Service.UM_SERVICE),
    ("UMWorkerProcess - RPC (TCP-In)", Role.MAILBOX, None),
    ("UMWorkerProcess (GFW) (TCP-In)", Role.MAILBOX, _Service.UM_WORKER),
    ("UMWorkerProcess (TCP-In)", Role.MAILBOX, _Service.UM_WORKER),
)


@dataclass(frozen=True, slots=True)
class _Opening:
    """A port that is listened at, and the setting that it comes from."""

    transport: Transport
    port: int
    key: str


def build_rules(settings: Settings, roles: Collection[Role] = tuple(Role)) -> tuple[Rule, ...]:
    """The rules of these roles, in the order of the documentation; that of the admin port comes last.

    Raises:
        RuleError: some ports are 0, which takes any free one, or beyond the last; all of them are named.
    """
    openings = {
        _Service.CALL_ROUTER: tuple(_list_router_openings(settings.router)),
        _Service.UM_SERVICE: tuple(_list_um_service_openings(settings.mailbox)),
        _Service.UM_WORKER: tuple(_list_worker_openings(settings.mailbox)),
    }
    documented = [(name, role, openings[service] if service else ()) for name, role, service in _DOCUMENTED]
    wanted = [entry for entry in documented if entry[1] in roles]
    admin = tuple(_list_admin_openings(settings.admin)) if Role.ROUTER in roles else ()
    _refuse_unusable([opening for entry in wanted for opening in entry[2]] + list(admin))
    rules = [Rule(name, _list_ports(opened), role, _describe_openings(opened)) for name, role, opened in wanted]
    if admin:
        rules.append(Rule(ADMIN_RULE_NAME, _list_ports(admin), Role.ROUTER, _ADMIN_REMARK))
    return tuple(rules)


def describe_rules(rules: Collection[Rule]) -> list[str]:
    """The lines that stand above the rules in every format: what they are, and what is left out."""
    roles = [role for role in Role if any(rule.role is role for rule in rules)]
    lines = [
        f"Inbound rules of callrouter for the {'roles' if len(roles) > 1 else 'role'} {' and '.join(roles)}.",
        "The names are those of the rules that Exchange setup creates. Their ports are not published; these are those",
        "that the settings open. All are TCP ports: nothing listens on UDP.",
    ]
    if Role.MAILBOX in roles:
        lines.append(
            f"RTP (UDP {MIN_RTP_PORT}-{MAX_RTP_PORT} at a real Mailbox server) is not opened: no media is emulated."
        )
    return lines


def _list_router_openings(router: RouterSettings) -> Iterator[_Opening]:
    mode = router.um_startup_mode
    if mode is not StartupMode.TLS:
        yield _Opening(Transport.TCP, router.sip_tcp_listening_port, "router.sip_tcp_listening_port")
    if mode is not StartupMode.TCP:
        yield _Opening(Transport.TLS, router.sip_tls_listening_port, "router.sip_tls_listening_port")


def _list_um_service_openings(mailbox: MailboxSettings) -> Iterator[_Opening]:
    for server in _list_servers(mailbox):
        for transport, port in mailbox.um_service_ports(server).items():
            yield _Opening(transport, port, "mailbox.port_offset")


def _list_worker_openings(mailbox: MailboxSettings) -> Iterator[_Opening]:
    for server in _list_servers(mailbox):
        for transport, pair in mailbox.worker_ports_of(server).items():
            key, configured = "mailbox.worker_ports", mailbox.worker_ports
            if transport is Transport.TLS and mailbox.um_startup_mode is StartupMode.DUAL:
                key, configured = "mailbox.worker_dual_tls_ports", mailbox.worker_dual_tls_ports
            for port, without_offset in zip(pair, configured, strict=True):
                # An offset makes no port of "any".
                yield _Opening(transport, port if without_offset else 0, key)


def _list_servers(mailbox: MailboxSettings) -> tuple[EmulatedServer, ...]:
    """Those that are named, or the one that there is without names."""
    return mailbox.servers or (EmulatedServer(name="mailbox"),)


def _list_admin_openings(admin: AdminSettings) -> Iterator[_Opening]:
    """The admin port, where other machines can reach it."""
    if admin.enabled and not admin.is_on_loopback:
        yield _Opening(Transport.TCP, admin.port, "admin.port")


def _refuse_unusable(openings: Collection[_Opening]) -> None:
    problems = [_describe_problem(each) for each in openings if not 0 < each.port <= MAX_PORT]
    if problems:
        raise RuleError(tuple(dict.fromkeys(problems)))


def _describe_problem(opening: _Opening) -> str:
    if opening.port == 0:
        return f"{opening.key}: 0 takes any free port, and a firewall rule needs the number"
    return f"{opening.key}: makes port {opening.port}, and ports are 1 to {MAX_PORT}"


def _list_ports(openings: Collection[_Opening]) -> tuple[int, ...]:
    return tuple(sorted({opening.port for opening in openings}))


def _describe_openings(openings: Collection[_Opening]) -> str:
    """`SIP over TCP 5060, over mutual TLS 5061`, or why there are none."""
    if not openings:
        return _NOT_EMULATED
    ports = {each: _list_ports([opening for opening in openings if opening.transport is each]) for each in Transport}
    parts = [
        f"over {_NAMES_OF_TRANSPORTS[transport]} {' '.join(map(str, numbers))}"
        for transport, numbers in ports.items()
        if numbers
    ]
    return f"SIP {', '.join(parts)}"
