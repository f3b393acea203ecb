"""Rules for Kubernetes: a NetworkPolicy (networking.k8s.io/v1) for each role, because the roles are different pods.

A policy knows no names, so that these are comments and rules with the same ports are one entry. It selects pods by the
recommended labels `app.kubernetes.io/name` and `component`; ingress that it does not allow, these pods no longer get.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from callrouter.firewall.rules import Role, Rule, describe_rules
from callrouter.firewall.source import Source

_NAME_LABEL = "app.kubernetes.io/name: callrouter"
_COMPONENT_LABEL = "app.kubernetes.io/component"


def render_network_policy(rules: Sequence[Rule], sources: Sequence[Source]) -> str:
    """One YAML document for each role that has rules. Without sources anyone may connect."""
    documents = []
    for role in Role:
        own = [rule for rule in rules if rule.role is role]
        if own:
            documents.append("\n".join(_write_policy(role, own, sources)))
    head = "\n".join(f"# {line}" for line in describe_rules(rules))
    return f"{head}\n" + "\n---\n".join(documents) + "\n"


def _write_policy(role: Role, rules: Sequence[Rule], sources: Sequence[Source]) -> Iterator[str]:
    yield from (
        "apiVersion: networking.k8s.io/v1",
        "kind: NetworkPolicy",
        "metadata:",
        f"  name: callrouter-{role}",
        "  labels:",
        f"    {_NAME_LABEL}",
        f"    {_COMPONENT_LABEL}: {role}",
        "spec:",
        "  podSelector:",
        "    matchLabels:",
        f"      {_NAME_LABEL}",
        f"      {_COMPONENT_LABEL}: {role}",
        "  policyTypes:",
        "    - Ingress",
        "  ingress:",
    )
    for remark, group in groupby(rules, attrgetter("remark")):
        alike = list(group)
        yield from (f"    # {rule.name}: {remark}" for rule in alike)
        if alike[0].ports:
            yield from _write_entry(alike[0].ports, sources)


def _write_entry(ports: Sequence[int], sources: Sequence[Source]) -> Iterator[str]:
    if sources:
        yield "    - from:"
        for source in sources:
            yield "        - ipBlock:"
            yield f'            cidr: "{source}"'
        yield "      ports:"
    else:
        yield "    - ports:"
    for port in ports:
        yield "        - protocol: TCP"
        yield f"          port: {port}"
