import pytest

from callrouter.sip.errors import HeaderError
from callrouter.sip.via import SentBy, parse_via, split_vias, stamp_via

SOURCE = ("192.0.2.10", 40000)


@pytest.mark.parametrize(
    ("text", "transport", "sent_by", "branch"),
    [
        ("SIP/2.0/TCP h;branch=z9hG4bKx", "TCP", "h", "z9hg4bkx"),
        ("SIP/2.0/TCP H.Example:5060", "TCP", "h.example:5060", ""),
        ("SIP / 2.0 / UDP   first.example : 4000 ;ttl=16 ;branch=z9hG4bKa7", "UDP", "first.example:4000", "z9hg4bka7"),
        ("SIP/2.0/TCP\th", "TCP", "h", ""),
        ("sip/2.0/tls [2001:DB8::9]:5061", "tls", "[2001:db8::9]:5061", ""),
        ("SIP/2.0/TLS-SCTP [::1] : 5061", "TLS-SCTP", "[::1]:5061", ""),
        ("SIP/2.0/UNKNOWN h;received=[2001:db8::1]", "UNKNOWN", "h", ""),
        ("SIP/2.0/TCP h;received=2001:db8::1", "TCP", "h", ""),
        ('SIP/2.0/TCP h;x="a;b\\"";branch=z9hG4bK1', "TCP", "h", "z9hg4bk1"),
        ("SIP/2.0/TCP h;rport;alias", "TCP", "h", ""),
    ],
)
def test_parse_via_sound_text_is_read(text: str, transport: str, sent_by: str, branch: str) -> None:
    via = parse_via(text)
    assert (via.transport, via.sent_by, via.branch) == (transport, sent_by, branch)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "SIP/2.0/",
            "SIP/2.0/ ",
            "SIP/2.0/TCP",
            "SIP/2.0/TCP ",
            "SIP/2.0",
            "SIP 2.0 TCP h",
            "//TCP h",
            "a/b/c/d h",
        ),
        *("SIP/2.0/TCP h;", "SIP/2.0/TCP h;;branch=a", "SIP/2.0/TCP h;branch=a;branch=b", "SIP/2.0/TCP h;=a"),
        *("SIP/2.0/TCP h;branch=", "SIP/2.0/TCP h;x=a b", 'SIP/2.0/TCP h;x="', 'SIP/2.0/TCP h;x="a"b"c"'),
        *("SIP/2.0/TCP h:", "SIP/2.0/TCP h:0", "SIP/2.0/TCP h:65536", "SIP/2.0/TCP [::1", "SIP/2.0/TCP a b"),
        *("SIP/2.0/TCP h;received=[x::y]", "SIP/2.0/T\u00c9P h", "SIP/2.0/TCP h\u00e9", "SIP/2.0/TCP\u00a0h"),
    ],
)
def test_parse_via_malformed_text_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_via(text)


def test_parse_via_known_sent_by_is_not_read_again() -> None:
    known = {"SIP/2.0/TCP h": SentBy("TCP", "another", 7, "another:7")}
    assert parse_via("SIP/2.0/TCP h;branch=a", known.__getitem__).sent_by == "another:7"


def test_split_vias_cuts_only_outside_quotes() -> None:
    assert split_vias('SIP/2.0/TCP a;x="b,c" , SIP/2.0/TCP d') == ['SIP/2.0/TCP a;x="b,c"', "SIP/2.0/TCP d"]
    assert split_vias("SIP/2.0/TCP a") == ["SIP/2.0/TCP a"]
    with pytest.raises(HeaderError):
        split_vias('a, "b')


@pytest.mark.parametrize(
    ("text", "stamped"),
    [
        ("SIP/2.0/TCP h;branch=1", "SIP/2.0/TCP h;branch=1;received=192.0.2.10"),
        ("SIP/2.0/TCP 192.0.2.10:5060;branch=1", "SIP/2.0/TCP 192.0.2.10:5060;branch=1"),
        ("SIP/2.0/TCP 192.0.2.11", "SIP/2.0/TCP 192.0.2.11;received=192.0.2.10"),
        ("SIP/2.0/TCP 192.0.2.10;rport", "SIP/2.0/TCP 192.0.2.10;rport=40000;received=192.0.2.10"),
        ("SIP/2.0/TCP h; RPORT ;x", "SIP/2.0/TCP h;rport=40000;x;received=192.0.2.10"),
        ("SIP/2.0/TCP h;rport=1", "SIP/2.0/TCP h;rport=40000;received=192.0.2.10"),
        ("SIP/2.0/TCP h;received=203.0.113.1;x", "SIP/2.0/TCP h;x;received=192.0.2.10"),
        ("SIP/2.0/TCP 192.0.2.10;Received = 203.0.113.1", "SIP/2.0/TCP 192.0.2.10"),
        ('SIP/2.0/TCP h;x=";received=1;rport"', 'SIP/2.0/TCP h;x=";received=1;rport";received=192.0.2.10'),
    ],
)
def test_stamp_via_tells_the_true_source_and_changes_nothing_else(text: str, stamped: str) -> None:
    assert stamp_via(text, parse_via(text), *SOURCE) == stamped


def test_stamp_via_ipv6_source_is_written_without_brackets() -> None:
    text = "SIP/2.0/TCP [2001:db8::9]"
    assert stamp_via(text, parse_via(text), "2001:db8::9", 1) == text
    assert stamp_via(text, parse_via(text), "2001:db8::8", 1) == f"{text};received=2001:db8::8"
