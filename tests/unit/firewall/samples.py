"""Rules and sources for the formats: few, of every kind."""

from ipaddress import IPv4Network, IPv6Network

from callrouter.firewall.rules import Role, Rule

RULES = (
    Rule("SESWorker (GFW) (TCP-In)", (), Role.MAILBOX, "left out"),
    Rule("UMCallRouter (GFW) (TCP-In)", (5060, 5061), Role.ROUTER, "SIP"),
    Rule("UMCallRouter (TCP-In)", (5060, 5061), Role.ROUTER, "SIP"),
    Rule("UMService (TCP-In)", (5062,), Role.MAILBOX, "SIP over TCP 5062"),
)
IPV4 = IPv4Network("192.0.2.0/24")
HOST = IPv4Network("198.51.100.7/32")
IPV6 = IPv6Network("2001:db8::/32")
EVERY_IPV4 = IPv4Network("0.0.0.0/0")
EVERY_IPV6 = IPv6Network("::/0")
HEAD = [
    "Inbound rules of callrouter for the roles router and mailbox.",
    "The names are those of the rules that Exchange setup creates. Their ports are not published; these are those",
    "that the settings open. All are TCP ports: nothing listens on UDP.",
    "RTP (UDP 1024-65535 at a real Mailbox server) is not opened: no media is emulated.",
]
