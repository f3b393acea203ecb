import re

from callrouter.firewall.network_policy import render_network_policy
from callrouter.firewall.rules import Role
from tests.unit.firewall.samples import HEAD, IPV4, IPV6, RULES

ROUTER = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: callrouter-router
  labels:
    app.kubernetes.io/name: callrouter
    app.kubernetes.io/component: router
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: callrouter
      app.kubernetes.io/component: router
  policyTypes:
    - Ingress
  ingress:
    # UMCallRouter (GFW) (TCP-In): SIP
    # UMCallRouter (TCP-In): SIP
    - ports:
        - protocol: TCP
          port: 5060
        - protocol: TCP
          port: 5061
"""
MAILBOX_INGRESS = """\
  ingress:
    # SESWorker (GFW) (TCP-In): left out
    # UMService (TCP-In): SIP over TCP 5062
    - from:
        - ipBlock:
            cidr: "192.0.2.0/24"
        - ipBlock:
            cidr: "2001:db8::/32"
      ports:
        - protocol: TCP
          port: 5062
"""


def test_policy_of_each_role_is_a_document_of_its_own_below_what_is_said_about_them() -> None:
    first, mailbox = render_network_policy(RULES, ()).split("---\n")
    assert first == "".join(f"# {line}\n" for line in HEAD) + ROUTER
    assert "\n  name: callrouter-mailbox\n" in mailbox
    assert mailbox.count("app.kubernetes.io/component: mailbox") == 2


def test_policy_of_one_role_is_one_document() -> None:
    printed = render_network_policy([rule for rule in RULES if rule.role is Role.ROUTER], ())
    assert printed.endswith(f"\n{ROUTER}")
    assert "---" not in printed


def test_policy_with_sources_allows_them_alone_whatever_their_family() -> None:
    assert render_network_policy(RULES, (IPV4, IPV6)).endswith(MAILBOX_INGRESS)


def test_policy_without_sources_names_none() -> None:
    assert not re.search("from:|ipBlock", render_network_policy(RULES, ()))
