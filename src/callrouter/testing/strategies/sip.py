"""SIP as octets and as text, sound and hostile (RFC 3261 25.1).

A `RequestSample` knows what it says and writes it in any of the ways that RFC 3261 7.3.1 and 7.3.3 allow (order,
folding, compact forms, odd spacing, repeats); `mutated` spoils octets; `cut` cuts a stream as TCP does. What a decision
is made of is in `policy`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

from callrouter.sip.grammar import decode, encode

_IN_WORD = "abcXYZ019-.!%*_+`'~"
_IN_USER = "abcXYZ019-_.!~*'()&=+$,;?/"
_HOSTS = ("a.example.com", "MBX1.Example.COM", "host", "192.0.2.7", "198.51.100.1", "[2001:db8::9]", "[::1]")
_COMPACT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Content-Length": "l", "Contact": "m", "Subject": "s"}
_STRUCTURE = ['"', "\\", "<", ">", ";", ",", ":", "@", "=", "[", "]", "?", "%", "/", " ", "\t", "\0", "SIP/2.0", "sip:"]
_LINE_OCTETS = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"\0",
    b":",
    b";",
    b'"',
    b"<",
    b"\xff",
    b"\xc3\xa9",
    b"SIP/2.0",
]
_URI_ENDS = [
    f"{params}{headers}"
    for headers in ("", "?subject=a%20b&priority=urgent", "?Route=%3Csip:x%3E")
    for params in ("", ";lr", ";transport=TCP", ";user=phone;X=a%41", ";maddr=192.0.2.9", ";method=INVITE;lr;b=")
]
_VIA_HEADS = [
    f"{protocol}{host}{port}"
    for port in ("", ":5060", " : 5060")
    for host in _HOSTS
    for protocol in ("SIP/2.0/TCP ", "SIP/2.0/TLS ", "sip/2.0/tcp  ", "SIP / 2.0 / UDP ")
]
_VIA_PARAMS = ("", ";rport", ";received=192.0.2.99", ";alias", ";received=[2001:db8::1]", ';x="a,b;c"', " ; rport=1;y")


# --- text: RFC 3261 25.1


def tokens() -> st.SearchStrategy[str]:
    """RFC 3261 25.1 token."""
    return st.text(_IN_WORD, min_size=1, max_size=5)


def utf8_and_junk() -> st.SearchStrategy[str]:
    """Text as `decode` makes it of any octets without CR, LF and NUL, invalid UTF-8 included."""
    return st.binary(max_size=12).map(lambda octets: decode(octets.translate(None, b"\r\n\0")))


def quoted_strings() -> st.SearchStrategy[str]:
    """A quoted-string with quoted-pairs in it."""
    plain = utf8_and_junk().map(lambda text: text.replace("\\", "").replace('"', ""))
    pairs = st.sampled_from(['\\"', "\\\\", "\\x", ",", ";", "<", ">", " "])
    return st.lists(plain | pairs, max_size=4).map(lambda pieces: _as_received('"' + "".join(pieces) + '"'))


def hostile_text() -> st.SearchStrategy[str]:
    """Arbitrary text, dense in the characters that values are cut at."""
    pieces = st.sampled_from(_STRUCTURE) | tokens() | st.binary(max_size=4).map(decode) | st.text(max_size=3)
    return st.lists(pieces, max_size=24).map(lambda drawn: _as_received("".join(drawn)))


def _as_received(text: str) -> str:
    """Invalid octets that stand side by side may be valid together: text as it is once it has been octets."""
    return decode(encode(text))


def hosts() -> st.SearchStrategy[str]:
    """The host of a URI or of a Via: names, IPv4, IPv6 in brackets."""
    return st.sampled_from(_HOSTS)


def host_ports() -> st.SearchStrategy[str]:
    """A host with or without a port."""
    return st.sampled_from([f"{host}{port}" for port in ("", ":5060", ":1", ":65535") for host in _HOSTS])


# --- URIs and addresses: RFC 3261 19.1, 20.10


def sip_uris() -> st.SearchStrategy[str]:
    """A sound sip or sips URI, as text."""
    schemes = st.sampled_from(["sip:", "sips:", "SIP:", "Sips:"])
    users = st.just("") | st.text(_IN_USER, min_size=1, max_size=8).map(lambda user: f"{user}@")
    return st.builds("{}{}{}{}".format, schemes, users, host_ports(), st.sampled_from(_URI_ENDS))


def tel_uris() -> st.SearchStrategy[str]:
    """A sound tel URI, as text (RFC 3966)."""
    number = st.text("0123456789-.()", max_size=12)
    params = st.sampled_from(["", ";phone-context=+1", ";ext=12"])
    return st.builds("tel:{}{}{}".format, st.sampled_from(["7", "+1", "*", "#"]), number, params)


def uris() -> st.SearchStrategy[str]:
    """A sound URI of any scheme, as text."""
    return sip_uris() | tel_uris() | st.sampled_from(["http://x.example/?a=b", "urn:service:sos", "mailto:a@b.example"])


def name_addrs(tag: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """From or To value; `tag` draws the tag, "" for none."""
    name = st.sampled_from(["", "Bob ", "T. A. Watson "]) | quoted_strings()
    extra = st.sampled_from(["", ";x", ";y=z", ';q="a;b,c\\""'])
    suffix = tag.map(lambda value: f";tag={value}" if value else "")
    return st.builds("{}<{}>{}{}".format, name, sip_uris() | tel_uris(), extra, suffix)


def via_values(branch: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[str]:
    """One Via value."""
    heads = st.sampled_from(_VIA_HEADS)
    branches = branch or tokens().map(lambda text: f"z9hG4bK{text}")
    return st.builds("{}{};branch={}".format, heads, st.sampled_from(_VIA_PARAMS), branches)


# --- requests


@dataclass(frozen=True, slots=True)
class RequestSample:
    """A sound request: what it says, and one way of writing it. Values hold no folding; Vias are in their order."""

    method: str
    uri: str
    vias: tuple[str, ...]
    from_: str
    to: str
    call_id: str
    cseq_number: str
    """As written, with what separates it from the method."""
    extras: list[tuple[str, str]]
    """Header fields that no answer depends on."""
    body: bytes
    style: int
    """Chooses the spelling; 0 is the plain one."""

    @property
    def cseq(self) -> str:
        """The value of CSeq."""
        return f"{self.cseq_number}{self.method}"

    @property
    def has_to_tag(self) -> bool:
        """Whether the request is inside a dialog."""
        return ";tag=" in self.to

    @property
    def octets(self) -> bytes:
        """The request as it is sent."""
        spelling = Random(self.style)  # noqa: S311 - a spelling is no secret
        via_rows = _join_vias(self.vias, spelling) if self.style else list(self.vias)
        rows = [*[("Via", "")] * len(via_rows), ("From", self.from_), ("To", self.to), ("Call-ID", self.call_id)]
        rows += [("CSeq", self.cseq), ("Content-Length", str(len(self.body))), *self.extras]
        if self.style:
            spelling.shuffle(rows)
        # Rows change places freely, but not those of one name among themselves (7.3.1).
        in_order = iter(via_rows)
        filled = [(name, next(in_order) if name == "Via" else value) for name, value in rows]
        lines = [_spell(name, value, spelling) if self.style else f"{name}: {value}" for name, value in filled]
        version = spelling.choice(("SIP/2.0", "sip/2.0", "Sip/2.0")) if self.style else "SIP/2.0"
        return encode("\r\n".join([f"{self.method} {self.uri} {version}", *lines])) + b"\r\n\r\n" + self.body


def requests(
    methods: Iterable[str] = ("INVITE", "OPTIONS", "BYE", "REGISTER", "Odd"),
) -> st.SearchStrategy[RequestSample]:
    """A sound request in any spelling; it shrinks towards the plain one."""
    return st.builds(
        RequestSample,
        method=st.sampled_from(tuple(methods)),
        uri=uris(),
        vias=st.lists(via_values(), min_size=1, max_size=4).map(tuple),
        from_=name_addrs(tokens() | st.just("")),
        to=name_addrs(st.just("") | tokens()),
        call_id=st.builds("{}@{}".format, tokens(), hosts()),
        cseq_number=st.sampled_from(["1 ", "0009 ", "4294967295  ", "314159 "]),
        extras=st.lists(_extra_rows(), max_size=3),
        body=st.sampled_from([b"", b"v=0\r\n\r\no=- 1\0\n"]) | st.binary(max_size=40),
        # One draw decides the whole spelling: rows are many, and draws are what an example costs.
        style=st.integers(0, 2**32),
    )


def _join_vias(vias: tuple[str, ...], spelling: Random) -> list[str]:
    """The Vias as one row each, or some of them in a list (7.3.1)."""
    rows = [vias[0]]
    for via in vias[1:]:
        if spelling.random() < 0.5:  # noqa: PLR2004 - as often as not
            rows[-1] += spelling.choice((",", ", ", " ,")) + via
        else:
            rows.append(via)
    return rows


def _extra_rows() -> st.SearchStrategy[tuple[str, str]]:
    text = utf8_and_junk().map(lambda value: value.strip())
    named = st.tuples(st.sampled_from(["Subject", "User-Agent", "X-Unknown"]), text)
    fixed = [("Contact", "<sip:me@host>;q=0.5"), ("Date", "never"), ("Retry-After", "5"), ("Timestamp", "54.2")]
    return st.sampled_from(fixed) | named


def _spell(name: str, value: str, spelling: Random) -> str:
    short = _COMPACT.get(name, name)
    written = spelling.choice((name, name.lower(), name.upper(), short, short.upper()))
    colon = spelling.choice((": ", ":", " : ", "\t:\t", ": \r\n "))
    trailing = spelling.choice(("", " ", "\t"))
    return written + colon + spelling.choice((value, _fold(value))) + trailing


def _fold(value: str) -> str:
    """Break the value at its first space, where that stands alone: a fold reads as exactly one (7.3.1)."""
    before, space, after = value.partition(" ")
    if not space or before[-1:] in ("", "\t") or after[:1] in ("", " ", "\t"):
        return value
    return f"{before}\r\n\t {after}"


def make_options(branch: str = "probe") -> bytes:
    """An OPTIONS that every server answers 200: what a test sends to see that the connection still lives."""
    return (
        "OPTIONS sip:router.example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP probe.example.com;branch=z9hG4bK{branch}\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:probe@probe.example.com>;tag=p1\r\n"
        "To: <sip:router.example.com>\r\n"
        f"Call-ID: {branch}@probe.example.com\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


# --- hostile octets


def mutated(source: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """What `source` draws, spoilt in one to four places: octets cut out, doubled, replaced, put in, or the end lost."""
    put_in = st.sampled_from(_LINE_OCTETS) | st.binary(max_size=4) | hostile_text().map(encode)
    kinds = st.sampled_from(["put in", "replace", "double", "cut out", "end"])
    # Places are shares of the length, so that they need not know it.
    spoilings = st.lists(st.tuples(kinds, st.integers(0, 999), st.integers(0, 24), put_in), min_size=1, max_size=4)
    return st.builds(_spoil, source, spoilings)


def _spoil(octets: bytes, spoilings: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, place, length, put_in in spoilings:
        start = len(octets) * place // 999
        before, middle, after = octets[:start], octets[start : start + length], octets[start + length :]
        match kind:
            case "put in":
                octets = before + put_in + middle + after
            case "replace":
                octets = before + put_in + after
            case "double":
                octets = before + middle + middle + after
            case "cut out":
                octets = before + after
            case _:
                octets = before
    return octets


def streams() -> st.SearchStrategy[bytes]:
    """What one connection brings: sound requests, keep-alives, spoilt requests and junk, one after the other."""
    sound = requests().map(lambda sample: sample.octets)
    line_ends = st.sampled_from([b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n"])
    return st.lists(sound | line_ends | mutated(sound) | st.binary(max_size=30), max_size=5).map(b"".join)


@st.composite
def cut(draw: st.DrawFn, octets: bytes) -> list[bytes]:
    """The octets in pieces, cut anywhere, as TCP may deliver them."""
    places = sorted(draw(st.lists(st.integers(0, len(octets)), max_size=12)))
    return [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)], strict=True)]
