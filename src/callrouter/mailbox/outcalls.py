"""Outcalls: an emulated worker calls a number through a UM IP gateway (Play on Phone; EXCHANGE-UM B 2.4, B 3.4).

Over SIP and without audio: INVITE, answer, ACK, after a while BYE. The call itself is a `caller.placed.PlacedCall`;
here is which gateway takes it, and what is remembered of it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from structlog.typing import FilteringBoundLogger

from callrouter.caller.invite import UnusableSpec
from callrouter.caller.placed import PlacedCall
from callrouter.caller.result import CallResult
from callrouter.caller.spec import CallerConfig, CallSpec
from callrouter.caller.watch import PlacedState
from callrouter.directory.model import GatewayStatus, UMDialPlan, UMIPGateway, VoipSecurity
from callrouter.sip.errors import UriError
from callrouter.sip.uri import parse_uri
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Transport

MAX_REMEMBERED: Final = 1000
"""Calls that can be asked about; the oldest that is over goes first."""
MAX_AT_ONCE: Final = 100
"""As many as a server takes calls by default."""

_DEFAULT_PORTS: Final = {Transport.TCP: 5060, Transport.TLS: 5061}

OutcallState: TypeAlias = Literal["Connecting", "Alerted", "Connected", "Disconnected"]

_STATES: Final[dict[PlacedState, OutcallState]] = {
    PlacedState.CONNECTING: "Connecting",
    PlacedState.CALLING: "Connecting",
    PlacedState.RINGING: "Alerted",
    PlacedState.ANSWERED: "Connected",
    PlacedState.ENDING: "Connected",
    PlacedState.ENDED: "Disconnected",
}


class NoSuchGateway(LookupError):  # noqa: N818 - STYLE: errors say what was wrong
    """No gateway has this name."""


class OutcallError(Exception):
    """The call cannot be placed; the message is one line."""


@dataclass(frozen=True, slots=True)
class OutcallView:
    """An outcall as it is now."""

    call_id: str
    server: str
    number: str
    gateway: str
    uri: str
    state: OutcallState
    status: int
    """The final answer to the INVITE, 200 once it is answered; 0 where none came."""
    detail: str
    """How it ended; "" before."""


@dataclass(frozen=True, slots=True)
class _Outcall:
    call: PlacedCall
    call_id: str
    server: str
    number: str
    gateway: str
    uri: str


class Outcalls:
    """The outcalls of all emulated servers of a process. Used inside a running loop.

    config: of the caller. hold_seconds: how long a call lasts once it is answered, asked for each. make_call_id: gives
    a Call-ID that no other call has.
    """

    def __init__(
        self,
        config: CallerConfig,
        hold_seconds: Callable[[], float],
        make_call_id: Callable[[], str],
        log: FilteringBoundLogger,
    ) -> None:
        self._config = config
        self._hold_seconds = hold_seconds
        self._make_call_id = make_call_id
        self._log = log
        self._calls: OrderedDict[str, _Outcall] = OrderedDict()
        self._is_closed = False

    def begin(self, server: str, number: str, gateway: str, snapshot: RoutingSnapshot) -> OutcallView:
        """Call a number; returns at once. gateway: its name, or "" for the first one that may be used.

        Raises:
            NoSuchGateway: no gateway has this name.
            OutcallError: no gateway may be used, the number is none, too many calls go on, or the process ends.
        """
        if self._is_closed:
            raise OutcallError("the process is about to end")
        chosen = _choose_gateway(snapshot, gateway)
        if sum(not each.call.done.done() for each in self._calls.values()) >= MAX_AT_ONCE:
            raise OutcallError(f"{MAX_AT_ONCE} calls go on already")
        plan = _find_plan(snapshot, chosen)
        uri = _build_uri(chosen, plan, number)
        call_id = self._make_call_id()
        spec = CallSpec(
            uri,
            from_=_own_number(plan),
            call_id=call_id,
            hold_seconds=self._hold_seconds(),
            secured=plan is not None and plan.voip_security is VoipSecurity.SECURED,
        )
        try:
            call = PlacedCall(spec, self._config)
        except UnusableSpec as error:
            raise OutcallError(str(error)) from error
        outcall = _Outcall(call, call_id, server, number, chosen.name, uri)
        self._forget_oldest()
        self._calls[call_id] = outcall
        call.start()
        call.done.add_done_callback(lambda task: self._log_end(outcall, task))
        self._log.info("outcall", server=server, call_id=call_id, gateway=chosen.name, uri=uri)
        return _view(outcall)

    def find(self, call_id: str) -> OutcallView | None:
        """A call that is remembered."""
        outcall = self._calls.get(call_id)
        return None if outcall is None else _view(outcall)

    def list_views(self) -> list[OutcallView]:
        """Every call that is remembered, the newest first."""
        return [_view(outcall) for outcall in reversed(self._calls.values())]

    def disconnect(self, call_id: str) -> OutcallView:
        """End a call, however far it is; nothing to do where it is over.

        Raises:
            KeyError: it is not remembered.
        """
        outcall = self._calls[call_id]
        outcall.call.hang_up()
        return _view(outcall)

    async def close(self) -> None:
        """End all; none begins any more."""
        self._is_closed = True
        for outcall in self._calls.values():
            outcall.call.hang_up()
        await asyncio.gather(*(outcall.call.done for outcall in self._calls.values()), return_exceptions=True)

    def _forget_oldest(self) -> None:
        if len(self._calls) < MAX_REMEMBERED:
            return
        over = next((call_id for call_id, each in self._calls.items() if each.call.done.done()), None)
        if over is not None:
            del self._calls[over]

    def _log_end(self, outcall: _Outcall, task: "asyncio.Task[CallResult]") -> None:
        if task.cancelled() or task.exception() is not None:
            return
        result = task.result()
        self._log.info(
            "outcall ended",
            server=outcall.server,
            call_id=outcall.call_id,
            outcome=result.outcome.value,
            status=result.status,
            detail=result.detail,
        )


def _choose_gateway(snapshot: RoutingSnapshot, name: str) -> UMIPGateway:
    gateways = snapshot.lookup.directory.gateways
    if name:
        for gateway in gateways:
            if gateway.name.casefold() == name.casefold():
                objection = _find_objection(gateway)
                if objection:
                    raise OutcallError(f"the gateway {gateway.name!r} {objection}")
                return gateway
        raise NoSuchGateway(f"no gateway has the name {name!r}")
    for gateway in gateways:
        if not _find_objection(gateway):
            return gateway
    raise OutcallError("no gateway is Enabled, allows outcalls and has one address or a name")


def _find_objection(gateway: UMIPGateway) -> str:
    """Why no call can be placed through a gateway; "" where one can."""
    if gateway.status is not GatewayStatus.ENABLED:
        return f"is {gateway.status}"
    if not gateway.outcalls_allowed:
        return "does not allow outcalls"
    if not gateway.fqdn and (gateway.network is None or gateway.network.num_addresses != 1):
        return "is a network, not one host"
    return ""


def _find_plan(snapshot: RoutingSnapshot, gateway: UMIPGateway) -> UMDialPlan | None:
    """The dial plan of a gateway's default hunt group, else of its first one."""
    groups = [group for group in snapshot.lookup.directory.hunt_groups if group.um_ip_gateway == gateway.name]
    groups.sort(key=lambda group: bool(group.pilot_identifier))
    return snapshot.lookup.dial_plan(groups[0].um_dial_plan) if groups else None


def _build_uri(gateway: UMIPGateway, plan: UMDialPlan | None, number: str) -> str:
    """Where the INVITE goes: over TLS where the dial plan is secured."""
    is_secured = plan is not None and plan.voip_security is not VoipSecurity.UNSECURED
    transport = Transport.TLS if is_secured else Transport.TCP
    host = gateway.fqdn or str(gateway.network.network_address if gateway.network is not None else "")
    host = f"[{host}]" if ":" in host else host
    port = gateway.port or _DEFAULT_PORTS[transport]
    # What a dial string is made of; "@", ":" and ";" would say something about the host or the URI.
    if not all(character.isascii() and (character.isalnum() or character in "+*#-._()") for character in number):
        raise OutcallError("the number may have letters, digits and + * # - . _ ( )")
    user = number.replace("#", "%23")
    uri = f"sip:{user}@{host}:{port};transport={transport.lower()}"
    try:
        parse_uri(uri)
    except UriError as error:
        raise OutcallError("the number cannot stand in a SIP URI") from error
    return uri


def _own_number(plan: UMDialPlan | None) -> str:
    """Who calls: the dial plan's own number, where it has one; "" is anonymous."""
    if plan is None:
        return ""
    return next(iter((*plan.access_telephone_numbers, *plan.pilot_identifier_list)), "")


def _view(outcall: _Outcall) -> OutcallView:
    call = outcall.call
    status, detail = 0, ""
    if call.done.done() and not call.done.cancelled() and call.done.exception() is None:
        result = call.done.result()
        status = result.status
        detail = result.detail or result.phrase or result.outcome.value
    elif call.state is PlacedState.ANSWERED:
        status = 200
    state = "Disconnected" if call.done.done() else _STATES[call.state]
    return OutcallView(
        outcall.call_id, outcall.server, outcall.number, outcall.gateway, outcall.uri, state, status, detail
    )
