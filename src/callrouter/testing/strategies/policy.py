"""What a decision is made of: peers, facts, directories, pools and their health (EXCHANGE-UM A2 to A4).

Numbers, names and addresses are drawn from few, so that calls often meet what the directory knows: every Reason of the
decision and every call type comes up. Directories are sound, as `sources` would have them: names and numbers are used
once, references name something, except that a database may be on servers that are not there.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TypeVar

from hypothesis import strategies as st

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import (
    AutoAttendantStatus,
    ComponentState,
    Directory,
    GatewayStatus,
    MailboxDatabase,
    MailboxServer,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
    UriType,
    VoipSecurity,
)
from callrouter.facts import CallerFacts, Diverted, Party, RequestFacts, party_of
from callrouter.pool.health import UNWATCHED, HealthPolicy, HealthState, Place, PoolHealth, Probing, TargetHealth
from callrouter.pool.model import Pool, build_pool
from callrouter.pool.selection import Selection, Tally
from callrouter.sip.uri import SipUri, TelUri, parse_uri
from callrouter.snapshot import AnswerForm, RoutingSnapshot
from callrouter.testing.strategies.sip import uris, utf8_and_junk
from callrouter.wire import Peer, PeerCertificate, Transport

Entry = TypeVar("Entry")

_SERVERS = ("MBX1", "MBX2", "MBX3", "MBX4", "MBX5")
_SERVER_HOSTS = ("mbx1.example.com", "mbx2.example.com", "um.example.com")
_ADDRESSES = ("192.0.2.7", "198.51.100.1", "203.0.113.9", "2001:db8::9")
_ALL_IPV4 = ip_network("0.0.0.0/0")
_PORTS = (5060, 5061, 5062, 5063)
# One draw for what belongs together: draws are what an example costs.
_PLACES = [(fqdn, address) for fqdn in ("", *_SERVER_HOSTS) for address in ("", *_ADDRESSES)]
_PORT_PAIRS = [(tcp, tls) for tcp in _PORTS for tls in (*_PORTS, 0)]
_CERTIFICATES = (
    PeerCertificate(("gw1.example.com",)),
    PeerCertificate(("gw2.example.com", "x.test")),
    PeerCertificate(("x.test", "gw1.example.com"), "x.test"),
    PeerCertificate((), "gw1.example.com"),
    PeerCertificate((), "x.test"),
    PeerCertificate(),
)
_PLANS = ("DP1", "DP2", "DP3")
_DATABASES = ("DB1", "DB2", "DB3")

_EXTENSIONS = ("100", "200", "300")
_E164 = ("+14255550100", "+14255550200")
_NAMES = ("um@example.com", "alice@example.com")
_NUMBERS = (*_EXTENSIONS, *_E164, *_NAMES)
_PILOTS = ("100", *_E164, "um", "um@example.com")
_OWNERS = ("user", "user", "attendant", "attendant", "disabled", "nobody")
_STYLES: tuple[tuple[str, ...], ...] = (*[_E164] * 5, _EXTENSIONS, _NAMES, _NUMBERS)
"""The numbers of one call are mostly of one kind; +digits with a host fit every URI type."""


# --- who calls


def peers() -> st.SearchStrategy[Peer]:
    """The far end of a connection; over TLS with the certificate that it showed."""
    address, port = st.sampled_from((*_ADDRESSES[:3], *_ADDRESSES)), st.sampled_from((5060, 40000, 65535))
    local = {"local_address": st.sampled_from(_ADDRESSES), "local_port": st.sampled_from(_PORTS)}
    certificates = st.sampled_from((None, *_CERTIFICATES, *_CERTIFICATES[:4], *_CERTIFICATES[:4]))
    tcp = st.builds(Peer, address, port, st.just(Transport.TCP), **local)
    return tcp | st.builds(Peer, address, port, st.just(Transport.TLS), certificate=certificates, **local)


def caller_facts() -> st.SearchStrategy[CallerFacts]:
    """What a decision may know of a connection."""
    return st.builds(
        lambda peer: CallerFacts(
            ip_address(peer.address),
            None if peer.certificate is None else peer.certificate.identities,
            peer.transport,
            peer.local_address,
            peer.local_port,
        ),
        peers(),
    )


# --- what is asked


def parties(numbers: Sequence[str] = _NUMBERS) -> st.SearchStrategy[Party]:
    """A party with one of these numbers or names, by a sip or tel URI; at times an anonymous one."""
    return st.sampled_from(
        [party_of(parse_uri(text)) for text in ("sip:anonymous@anonymous.invalid", *_uris(numbers) * 3)]
    )


def diversions(numbers: Sequence[str] = _NUMBERS) -> st.SearchStrategy[tuple[Diverted, ...]]:
    """Up to three diverted parties; mostly one or none."""
    reasons = st.sampled_from(("no-answer", "user-busy", "unconditional", "unknown"))
    found = st.builds(Diverted, parties(numbers), reasons)
    return st.just(()) | st.tuples(found) | st.lists(found, max_size=3).map(tuple)


def request_facts() -> st.SearchStrategy[RequestFacts]:
    """One request in policy words, consistent with itself; it may have been sent to one of `mailbox_servers`."""
    return st.sampled_from(_STYLES).flatmap({numbers: _facts_of_style(numbers) for numbers in _STYLES}.__getitem__)


def _facts_of_style(numbers: Sequence[str]) -> st.SearchStrategy[RequestFacts]:
    targets = [f"sip:100@{host}:{port};transport=Tcp" for host in _SERVER_HOSTS for port in _PORTS]
    called = {True: st.sampled_from([*_uris(numbers) * 8, *targets]), False: uris()}
    return st.builds(
        _facts_of,
        caller_facts(),
        st.sampled_from((True,) * 7 + (False,)).flatmap(called.__getitem__),
        st.integers(0, 2**32).map("{:x}@gw1.example.com".format) | utf8_and_junk(),
        maddr=st.sampled_from(("", "", "h")),
        calling=parties(numbers),
        diverted=diversions(numbers),
        # Where one is broken none is known.
        fault=st.sampled_from(("",) * 7 + ("a quoted string does not end",)),
    )


def _uris(numbers: Sequence[str]) -> list[str]:
    written = []
    for number in numbers:
        user, at, host = number.partition("@")
        written += [f"sip:{user}@{host or 'router.example.com'}"] * 4
        if not at:
            written += [f"tel:{number}", f"sips:{number};phone-context=dp2@router.example.com;user=phone"]
    return written


def _facts_of(  # noqa: PLR0913 - the arguments are what was drawn
    caller: CallerFacts,
    raw_uri: str,
    call_id: str,
    *,
    maddr: str,
    calling: Party,
    diverted: tuple[Diverted, ...],
    fault: str,
) -> RequestFacts:
    uri = parse_uri(raw_uri)
    facts = RequestFacts(
        caller,
        uri,
        "",
        call_id,
        called_party=party_of(uri),
        calling_party=calling,
        diversions=() if fault else diverted,
        diversion_fault=fault,
    )
    if isinstance(uri, SipUri):
        return replace(facts, called=uri.user, is_sips=uri.scheme == "sips", maddr=maddr)
    return replace(facts, called=uri.digits) if isinstance(uri, TelUri) else facts


# --- who takes calls


def mailbox_servers() -> st.SearchStrategy[MailboxServer]:
    """One Mailbox server; its name is drawn from few, so that lists of them collide."""
    return st.builds(
        lambda name, place, ports, weight, state: MailboxServer(
            name, place[0], place[1], ports[0], ports[1], weight, state
        ),
        st.sampled_from(_SERVERS),
        st.sampled_from(_PLACES),
        st.sampled_from(_PORT_PAIRS),
        st.sampled_from((1.0, 0.01, 2.5, 100.0)),
        st.sampled_from((ComponentState.ACTIVE,) * 6 + tuple(ComponentState)),
    )


def healths() -> st.SearchStrategy[PoolHealth]:
    """What probes say of the servers that `mailbox_servers` draws: nothing, or that all are up but for a few."""
    targets = st.sampled_from([*itertools.product(_SERVERS, Transport)])
    sick = st.dictionaries(targets, st.sampled_from((HealthState.DOWN, HealthState.UNKNOWN)), max_size=6)
    watched = st.builds(_health_of, st.sampled_from((Probing.ON, Probing.ON, Probing.ASSUME_HEALTHY)), sick)
    return st.sampled_from((False, True)).flatmap({False: st.just(UNWATCHED), True: watched}.__getitem__)


def _health_of(mode: Probing, sick: dict[tuple[str, Transport], HealthState]) -> PoolHealth:
    states = dict.fromkeys(itertools.product(_SERVERS, Transport), HealthState.UP) | sick
    return PoolHealth(HealthPolicy(mode), {key: TargetHealth(Place(), state) for key, state in states.items()})


def pools() -> st.SearchStrategy[Pool]:
    """Up to five servers with different names, some of which may be down."""
    servers = st.lists(mailbox_servers(), max_size=6).map(lambda drawn: _first_of_each(drawn, _name_of))
    return st.builds(build_pool, servers, healths())


def tallies() -> st.SearchStrategy[Tally]:
    """What a router has done so far."""
    return st.builds(Tally, st.integers(0, 1000), st.dictionaries(st.sampled_from(_SERVERS), st.integers(0, 9)))


# --- what is known: the directory


def gateways() -> st.SearchStrategy[UMIPGateway]:
    """A UM IP gateway known by a network, by name, or by both."""
    # GW1 takes whoever calls over IPv4 and GW3 over IPv6, mostly: a call that ends here tells little.
    closed = [ip_network("192.0.2.0/24"), *(ip_network(each) for each in _ADDRESSES)]
    return st.sampled_from(
        [
            UMIPGateway(name, network, fqdn, status)
            for status in (*[GatewayStatus.ENABLED] * 10, *GatewayStatus)
            for name, fqdn, networks in (
                ("GW1", "gw1.example.com", [_ALL_IPV4] * 40 + closed),
                ("GW2", "gw2.example.com", [None] * 10),
                ("GW3", "", [ip_network("::/0")] * 10 + closed),
                ("GW4", "", closed),
            )
            for network in networks
        ]
    )


def dial_plans() -> st.SearchStrategy[UMDialPlan]:
    """A dial plan; some of the numbers are its own."""
    own = st.sampled_from(((), (_E164[0],), (_EXTENSIONS[0], "UM")))
    return st.builds(
        UMDialPlan,
        name=st.sampled_from(_PLANS),
        uri_type=st.sampled_from(UriType),
        voip_security=st.sampled_from((VoipSecurity.UNSECURED, *VoipSecurity)),
        pilot_identifier_list=own,
        access_telephone_numbers=own,
        equivalent_dial_plan_phone_contexts=st.sampled_from(((), ("dp1", "DP9"), ("DP9", "dp2"))),
    )


def directories() -> st.SearchStrategy[Directory]:
    """A directory with two to four gateways and one to five servers, with dial plans or, less often, without."""
    simple = st.builds(
        _without_dial_plans,
        st.lists(gateways(), min_size=2, max_size=5),
        st.lists(mailbox_servers(), min_size=1, max_size=6),
    )
    # Places in tables are drawn and counted round, so that no strategy has to wait for what another one draws.
    places = range(3)
    owners = st.sampled_from([*itertools.product(_OWNERS, places, ("", *_DATABASES))])
    numbered = st.builds(
        _with_dial_plans,
        simple,
        st.lists(dial_plans(), min_size=1, max_size=2),
        st.sampled_from((None, *places, *places)),
        st.dictionaries(st.sampled_from([*itertools.product(places, _PILOTS)]), st.sampled_from(places), max_size=3),
        st.tuples(*[owners] * len(_NUMBERS)),
        st.lists(_databases(), max_size=2),
    )
    return st.sampled_from((False, True, True, True, True)).flatmap({False: simple, True: numbered}.__getitem__)


def _without_dial_plans(known: Sequence[UMIPGateway], servers: Sequence[MailboxServer]) -> Directory:
    addresses = (
        _name_of,
        lambda gateway: gateway.fqdn or gateway.name,
        lambda gateway: gateway.network or gateway.name,
    )
    return Directory(tuple(_first_of_each(known, *addresses)), tuple(_first_of_each(servers, _name_of)))


def _with_dial_plans(
    simple: Directory,
    plans: Sequence[UMDialPlan],
    default: int | None,
    led: Mapping[tuple[int, str], int],
    owned: Sequence[tuple[str, int, str]],
    databases: Sequence[MailboxDatabase],
) -> Directory:
    """The directory with dial plans and all that hangs on them.

    default: the dial plan of every gateway's default hunt group, if any. led: (gateway, pilot) -> dial plan of each of
    the other ones. owned: owner, dial plan, database of each of `_NUMBERS`.
    """
    plans = _first_of_each(plans, _name_of)
    names = [plan.name for plan in plans]
    groups = {}
    if default is not None:
        led = {**{(place, ""): default for place in range(len(simple.gateways))}, **led}
    for (place, pilot), plan in led.items():
        gateway = simple.gateways[place % len(simple.gateways)].name
        groups[gateway, pilot] = UMHuntGroup(f"{gateway} {pilot}", names[plan % len(names)], gateway, pilot)
    owners = [
        (number, owner, names[plan % len(names)], home)
        for number, (owner, plan, home) in zip(_NUMBERS, owned, strict=True)
    ]
    return replace(
        simple,
        dial_plans=tuple(plans),
        hunt_groups=tuple(groups.values()),
        auto_attendants=tuple(
            _attendant(number, plan, owner) for number, owner, plan, _ in owners if owner in ("attendant", "disabled")
        ),
        users=tuple(_user(number, plan, home) for number, owner, plan, home in owners if owner == "user"),
        databases=tuple(_first_of_each(databases, _name_of)),
    )


def _databases() -> st.SearchStrategy[MailboxDatabase]:
    passive = st.sampled_from(((), _SERVERS[:1], _SERVERS[1:3]))
    return st.builds(MailboxDatabase, st.sampled_from(_DATABASES), st.sampled_from(_SERVERS), passive)


def _attendant(number: str, plan: str, owner: str) -> UMAutoAttendant:
    status = AutoAttendantStatus.DISABLED if owner == "disabled" else AutoAttendantStatus.ENABLED
    return UMAutoAttendant(f"AA {number}", plan, (number,), status)


def _user(number: str, plan: str, database: str) -> UMMailbox:
    is_name = "@" in number
    return UMMailbox(f"user {number}", plan, () if is_name else (number,), number if is_name else "", database)


def _first_of_each(entries: Iterable[Entry], *keys: Callable[[Entry], object]) -> list[Entry]:
    """The entries without those that share a key with one before them. To draw them unique would reject many draws."""
    kept: list[Entry] = []
    for entry in entries:
        if not any(key(entry) == key(other) for other in kept for key in keys):
            kept.append(entry)
    return kept


def _name_of(entry: UMIPGateway | MailboxServer | UMDialPlan | MailboxDatabase) -> str:
    return entry.name


def snapshots(
    selections: Iterable[Selection] = tuple(Selection), *, all_contacts: bool = False
) -> st.SearchStrategy[RoutingSnapshot]:
    """One state of the world; the router may itself be one of the Mailbox servers' addresses.

    all_contacts: redirects offer every eligible server, not one.
    """
    endpoints = st.tuples(st.sampled_from((*_SERVER_HOSTS, *_ADDRESSES)), st.sampled_from(_PORTS))
    return st.builds(
        lambda directory, health, **rest: RoutingSnapshot(
            DirectoryLookup(directory), build_pool(directory.servers, health), **rest
        ),
        directories(),
        healths(),
        component_state=st.sampled_from((ComponentState.ACTIVE,) * 40 + tuple(ComponentState)),
        selection=st.sampled_from(tuple(selections)),
        own_endpoints=st.lists(endpoints, max_size=2).map(frozenset),
        is_full=st.sampled_from((False,) * 40 + (True,)),
        form=st.just(AnswerForm(all_contacts=all_contacts)),
    )


def calls() -> st.SearchStrategy[tuple[RequestFacts, RoutingSnapshot]]:
    """A call and a state of the world in which it passes rules 1, 2, 3 and 5: what numbers lead to decides."""
    return st.tuples(request_facts(), snapshots()).map(_let_pass)


def _let_pass(drawn: tuple[RequestFacts, RoutingSnapshot]) -> tuple[RequestFacts, RoutingSnapshot]:
    facts, snapshot = drawn
    directory = snapshot.lookup.directory
    is_tls = facts.caller.transport is Transport.TLS
    known = [replace(gateway, status=GatewayStatus.ENABLED) for gateway in directory.gateways]
    if all(gateway.network != _ALL_IPV4 for gateway in known):
        known[0] = replace(known[0], network=_ALL_IPV4)
    directory = replace(
        directory,
        gateways=tuple(known),
        dial_plans=tuple(
            replace(plan, voip_security=VoipSecurity.SIP_SECURED if is_tls else VoipSecurity.UNSECURED)
            for plan in directory.dial_plans
        ),
    )
    caller = replace(facts.caller, address=ip_address(_ADDRESSES[0]), identities=None)
    lookup = DirectoryLookup(directory)
    passing = replace(snapshot, lookup=lookup, component_state=ComponentState.ACTIVE, is_full=False)
    return replace(facts, caller=caller), passing
