"""The health of a pool, whatever probes find and whenever: thresholds are kept exactly, and nothing flaps.

The machine here keeps of each target all results since it was entered, and says from these alone what may have changed.
"""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from callrouter.directory.model import MailboxServer
from callrouter.pool.health import (
    HealthPolicy,
    HealthState,
    PoolHealth,
    ProbeResult,
    Probing,
    TargetKey,
    answered,
    failed,
    refused,
    timed_out,
)
from callrouter.pool.model import build_pool
from callrouter.wire import Transport

NAMES = ("MBX1", "MBX2", "MBX3")
POLICIES = st.builds(
    HealthPolicy,
    st.sampled_from(Probing),
    down_after=st.integers(1, 4),
    up_after=st.integers(1, 4),
    transports=st.sampled_from([(Transport.TCP,), (Transport.TLS,), (Transport.TCP, Transport.TLS)]),
)
WATCHING = POLICIES.map(lambda policy: replace(policy, mode=Probing.ON))
SERVERS = st.builds(
    MailboxServer,
    st.sampled_from(NAMES),
    st.sampled_from(("mbx.test", "other.test")),
    tcp_port=st.sampled_from((5062, 5062, 0)),
    tls_port=st.sampled_from((5063, 5063, 0)),
)
DIRECTORIES = st.lists(SERVERS, max_size=3, unique_by=lambda server: server.name)
ANSWERS = st.sampled_from((200, 404, 501)).map(answered)
FAILURES = st.sampled_from((timed_out(2.0), failed("TLS handshake failed"), answered(503)))
RESULTS = ANSWERS | FAILURES | st.just(refused())


def port_of(server: MailboxServer, transport: Transport) -> int:
    return server.tls_port if transport is Transport.TLS else server.tcp_port


def count_last(results: list[ProbeResult], *, alive: bool) -> int:
    """How many of the last results are alike."""
    count = 0
    for result in reversed(results):
        if result.is_alive is not alive:
            break
        count += 1
    return count


class HealthMachine(RuleBasedStateMachine):
    """A prober, a clock, a directory that is edited, and settings that are reloaded."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.servers: dict[str, MailboxServer] = {}
        self.health = PoolHealth()
        self.results: dict[TargetKey, list[ProbeResult]] = {}
        self.since: dict[TargetKey, float] = {}
        self.in_state: dict[TargetKey, int] = {}
        """How many results a target has had since its state changed."""

    @initialize(policy=POLICIES | WATCHING, servers=DIRECTORIES)
    def begin(self, policy: HealthPolicy, servers: list[MailboxServer]) -> None:
        self.health = PoolHealth(policy)
        self.edit_directory(servers)

    @rule(seconds=st.floats(0.001, 60.0))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(servers=DIRECTORIES)
    def edit_directory(self, servers: list[MailboxServer]) -> None:
        before, known = self.servers, self.health
        self.servers = {server.name: server for server in servers}
        self.health = known.retain(servers, self.now)
        for key in self.expected_keys():
            name, transport = key
            old, new = before.get(name), self.servers[name]
            is_same = old is not None and (old.fqdn, port_of(old, transport)) == (new.fqdn, port_of(new, transport))
            if is_same and key in known.targets:
                assert self.health.targets[key] is known.targets[key]
            else:
                self.results[key], self.since[key], self.in_state[key] = [], self.now, 0
                assert self.health.targets[key].state is HealthState.UNKNOWN

    @rule(policy=POLICIES)
    def reload(self, policy: HealthPolicy) -> None:
        known = self.health
        self.health = known.with_policy(policy)
        assert self.health.targets == known.targets
        self.edit_directory(list(self.servers.values()))

    @precondition(lambda self: self.health.targets)
    @rule(data=st.data(), results=st.lists(RESULTS, min_size=1, max_size=5))
    def probe(self, data: st.DataObject, results: list[ProbeResult]) -> None:
        key = data.draw(st.sampled_from(sorted(self.health.targets)))
        for result in results:
            self.now += 0.5
            self.record(key, result)

    @precondition(lambda self: self.health.targets)
    @rule(data=st.data(), result=ANSWERS | FAILURES, short=st.sampled_from((0, 1)))
    def probe_in_a_row(self, data: st.DataObject, result: ProbeResult, short: int) -> None:
        """As often as it takes, or once less."""
        key = data.draw(st.sampled_from(sorted(self.health.targets)))
        needed = self.health.policy.up_after if result.is_alive else self.health.policy.down_after
        for _ in range(needed - short):
            self.record(key, result)

    @rule(result=RESULTS)
    def hear_late_of_a_server_that_has_left(self, result: ProbeResult) -> None:
        assert self.health.record(("gone", Transport.TCP), result, self.now) == (self.health, None)

    def record(self, key: TargetKey, result: ProbeResult) -> None:
        before = self.health
        self.health, change = before.record(key, result, self.now)
        known, target = before.targets[key], self.health.targets[key]
        self.results[key].append(result)
        self.in_state[key] += 1
        assert target.state is self.expect(key, known.state)
        assert {**self.health.targets, key: known} == before.targets
        assert (target.detail, target.probed_at, target.place) == (result.detail, self.now, known.place)
        assert (change is not None) is (target.state is not known.state)
        if change is not None:
            self.check_no_flapping(key, known.state, result)
            assert (change.server, change.transport, change.before, change.after) == (*key, known.state, target.state)
            assert (change.detail, change.at, change.status) == (result.detail, self.now, result.status)
            self.since[key], self.in_state[key] = self.now, 0

    def expect(self, key: TargetKey, before: HealthState) -> HealthState:
        """The state that the results of a target ask for."""
        results, policy = self.results[key], self.health.policy
        if results[-1].is_alive:
            is_enough = before is not HealthState.DOWN or count_last(results, alive=True) >= policy.up_after
            return HealthState.UP if is_enough else HealthState.DOWN
        is_enough = results[-1].is_refused or count_last(results, alive=False) >= policy.down_after
        return HealthState.DOWN if is_enough else before

    def check_no_flapping(self, key: TargetKey, before: HealthState, result: ProbeResult) -> None:
        policy = self.health.policy
        if before is HealthState.DOWN:
            assert self.in_state[key] >= policy.up_after
        elif not result.is_alive and not result.is_refused:
            assert self.in_state[key] >= policy.down_after

    def expected_keys(self) -> list[TargetKey]:
        policy = self.health.policy
        return [
            (name, transport)
            for name, server in self.servers.items()
            for transport in Transport
            if policy.mode is not Probing.OFF and transport in policy.transports and port_of(server, transport)
        ]

    @invariant()
    def what_is_probed_is_what_the_directory_and_the_policy_name(self) -> None:
        assert list(self.health.targets) == self.expected_keys()

    @invariant()
    def counters_and_instants_are_those_of_the_results(self) -> None:
        for key, target in self.health.targets.items():
            assert target.successes == count_last(self.results[key], alive=True)
            assert target.failures == count_last(self.results[key], alive=False)
            assert target.since_at == self.since[key]

    @invariant()
    def usable_is_what_nobody_probes_what_is_up_and_what_is_assumed_to_be(self) -> None:
        for name in NAMES:
            for transport in Transport:
                target = self.health.targets.get((name, transport))
                policy = self.health.policy
                if policy.mode is Probing.OFF or transport not in policy.transports:
                    expected = True
                elif target is None or target.state is HealthState.UNKNOWN:
                    expected = policy.mode is Probing.ASSUME_HEALTHY
                else:
                    expected = target.state is HealthState.UP
                assert self.health.is_usable(name, transport) is expected

    @invariant()
    def pool_has_the_ports_that_are_usable_and_no_others(self) -> None:
        for member in build_pool(self.servers.values(), self.health).members:
            ports = {Transport.TCP: member.tcp_port, Transport.TLS: member.tls_port}
            for transport, port in ports.items():
                usable = self.health.is_usable(member.server.name, transport)
                assert port == (port_of(member.server, transport) if usable else 0)


TestHealth = HealthMachine.TestCase
