from dataclasses import replace

import pytest

from callrouter.sdp.description import Description, Media, format_connection, format_description, parse_description
from callrouter.sdp.errors import SdpError
from tests.conformance.corpus import read_octets
from tests.unit.sdp.bodies import PHONE, make_body

SMALL = Description("- 1 1 IN IP4 192.0.2.10", "IN IP4 192.0.2.10", (Media("audio", 20000, "RTP/AVP", ("0",), ()),))
TORTURE = Description(
    "mhandley 29739 7272939 IN IP4 192.0.2.5",
    "IN IP4 192.0.2.5",
    (
        Media("audio", 49217, "RTP/AVP", ("0", "12"), ()),
        Media("video", 3227, "RTP/AVP", ("31",), (("rtpmap", "31 LPC"),)),
    ),
)
VIDEO = Media("video", 6024, "RTP/AVP", ("107",), (("rtpmap", "107 H263-1998/90000"),))


def read_body(file: str) -> bytes:
    """What follows the first empty line of a vector."""
    return read_octets(file).partition(b"\r\n\r\n")[2]


def test_parse_description_of_a_phone_reads_every_part() -> None:
    assert parse_description(PHONE) == Description(
        origin="phone 29739 7272939 IN IP4 192.0.2.1",
        connection="IN IP4 192.0.2.1",
        media=(
            Media(
                kind="audio",
                port=49170,
                protocol="RTP/AVP",
                formats=("9", "8", "0", "18", "101"),
                attributes=(
                    ("rtpmap", "9 G722/8000"),
                    ("rtpmap", "8 PCMA/8000"),
                    ("rtpmap", "0 PCMU/8000"),
                    ("rtpmap", "18 G729/8000"),
                    ("fmtp", "18 annexb=no"),
                    ("rtpmap", "101 telephone-event/8000"),
                    ("fmtp", "101 0-15"),
                    ("ptime", "30"),
                    ("sendrecv", None),
                ),
            ),
        ),
        attributes=(),
        session_name="-",
        timing="0 0",
    )


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("edges/e001-invite-known-user.dat", SMALL),
        ("rfc4475/sdp01.dat", TORTURE),
        ("rfc4475/baddate.dat", TORTURE),
        (
            "rfc4475/wsinv.dat",
            replace(TORTURE, origin="mhandley 29739 7272939 IN IP4 192.0.2.3", connection="IN IP4 192.0.2.4"),
        ),
        ("rfc4475/ltgtruri.dat", replace(TORTURE, timing="3149328700 0")),
        ("rfc4475/inv2543.dat", replace(TORTURE, media=(Media("audio", 49217, "RTP/AVP", ("0",), ()),))),
        (
            "rfc5118-tcp/ipv6-in-sdp.dat",
            Description(
                "assistant 971731711378798081 0 IN IP6 2001:db8::20",
                "IN IP6 2001:db8::20",
                (Media("audio", 6000, "RTP/AVP", ("2",), (("rtpmap", "2 G726-32/8000"),)), VIDEO),
                session_name="Live video feed for today's meeting",
                timing="3338481189 3370017201",
            ),
        ),
        (
            "rfc5118-tcp/mult-ip-in-sdp.dat",
            Description(
                "bob 280744730 28977631 IN IP4 host.example.com",
                "",
                (
                    Media("audio", 22334, "RTP/AVP", ("0",), (), connection="IN IP4 192.0.2.1"),
                    replace(VIDEO, connection="IN IP6 2001:db8::1"),
                ),
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parse_description_of_a_vector_reads_it(file: str, expected: Description) -> None:
    assert parse_description(read_body(file)) == expected


def test_parse_description_without_name_and_time_takes_the_plain_ones() -> None:
    body = b"v=0\no=mhandley 29739 7272939 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 49217 RTP/AVP 0 12\n"
    description = parse_description(body)
    assert (description.session_name, description.timing) == ("-", "0 0")


@pytest.mark.parametrize(
    "body",
    [
        PHONE.replace(b"\r\n", b"\n"),
        PHONE.removesuffix(b"\r\n"),
        PHONE + b"\r\n\r\n",
        PHONE.replace(b"s=-\r\n", b"s=\r\n"),
        PHONE.replace(b"t=0 0\r\n", b""),
        PHONE.replace(b" 101\r\n", b"  101 \r\n"),
        PHONE.replace(b"c=IN IP4 192.0.2.1\r\nt=0 0\r\n", b"t=0 0\r\nc=IN IP4  192.0.2.1 \r\n"),
        PHONE.replace(b"m=audio", b"b=AS:64\r\nr=1 2\r\nk=prompt\r\nt=1 2\r\nm=audio"),
        PHONE + b"b=AS:64\r\ni=a phone\r\nk=prompt\r\n",
        PHONE.replace(b"49170", b"49170/1"),
    ],
    ids=["lf", "no-end", "empty-lines", "no-name", "no-time", "spaces", "order", "session", "media", "one-port"],
)
def test_parse_description_in_a_tolerated_form_reads_the_same(body: bytes) -> None:
    assert parse_description(body) == parse_description(PHONE)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "it does not begin with v=0"),
        (b"\r\n" + PHONE, "a line is not a letter, = and a value"),
        (PHONE.replace(b"v=0", b"v=1"), "it does not begin with v=0"),
        (PHONE.replace(b"v=0\r\n", b""), "it does not begin with v=0"),
        (PHONE + PHONE, "a line has an unknown letter, or is in a place that is not its own"),
        (PHONE + b"t=0 0\r\n", "a line has an unknown letter, or is in a place that is not its own"),
        (make_body("x=1"), "a line has an unknown letter, or is in a place that is not its own"),
        (make_body("S=1"), "a line has an unknown letter, or is in a place that is not its own"),
        (make_body("m =video 3227 RTP/AVP 31"), "a line is not a letter, = and a value"),
        (make_body("a"), "a line is not a letter, = and a value"),
        (make_body("", "a=b"), "a line is not a letter, = and a value"),
        (make_body("a=b\rc"), "there is a CR in a line"),
        (make_body("a=b\0c"), "there is a NUL in it"),
        (make_body("a="), "an a= line has no name"),
        (make_body("a=:b"), "an a= line has no name"),
        (make_body("s=x"), "there are two s= lines"),
        (make_body("o=- 1 1 IN IP4 192.0.2.1"), "there are two o= lines"),
        (make_body("c=IN IP4 192.0.2.1"), "there are two c= lines"),
        (b"v=0\r\ns=-\r\n", "there is no o= line"),
        (b"v=0\r\no=1 1 IN IP4 192.0.2.1\r\n", "o= has fewer than 6 words"),
        (b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4 RTP/AVP 0\r\n", "an m= line has no c= line"),
        (make_body("m=audio 4 RTP/AVP 0", "c=IN IP4"), "c= has fewer than 3 words"),
        (PHONE.replace(b"t=0 0", b"t=0"), "t= has fewer than 2 words"),
        (make_body("m=audio 4 RTP/AVP"), "m= has fewer than 4 words"),
        (make_body("m=audio 65536 RTP/AVP 0"), "an m= line has a port that is none"),
        (make_body("m=audio -1 RTP/AVP 0"), "an m= line has a port that is none"),
        (make_body("m=audio ٤ RTP/AVP 0"), "an m= line has a port that is none"),
        (make_body("m=audio 4/ RTP/AVP 0"), "an m= line has a port that is none"),
        (make_body("m=audio 4/0 RTP/AVP 0"), "an m= line has a number of ports that is none"),
        (read_body("rfc4475-extra/archive-test.dat"), "a line is not a letter, = and a value"),
        (read_body("rfc4475/invut.dat"), "a line is not a letter, = and a value"),
        (read_body("rfc4475/mpart01.dat"), "there is a NUL in it"),
    ],
)
def test_parse_description_outside_the_grammar_raises_sdp_error(body: bytes, detail: str) -> None:
    with pytest.raises(SdpError) as caught:
        parse_description(body)
    assert str(caught.value) == detail


def test_parse_description_refused_stream_needs_no_connection() -> None:
    body = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=video 0 RTP/AVP 31\r\n"
    assert parse_description(body).media == (Media("video", 0, "RTP/AVP", ("31",), ()),)


def test_parse_description_several_connections_of_a_stream_keeps_the_first() -> None:
    body = make_body("m=video 4/2 RTP/AVP 31", "c=IN IP4 233.252.0.1/127", "c=IN IP4 233.252.0.2/127")
    assert parse_description(body).media == (
        Media("video", 4, "RTP/AVP", ("31",), (), connection="IN IP4 233.252.0.1/127", port_count=2),
    )


def test_parse_description_octets_outside_utf8_come_back_when_it_is_written() -> None:
    body = make_body("m=audio 4 RTP/AVP 0", "a=x:y").replace(b"x:y", b"x:\xff\xc3\xa9")
    assert format_description(parse_description(body)) == body


def test_parse_description_attribute_with_an_empty_value_is_not_one_without() -> None:
    description = parse_description(make_body(session_lines=("a=x:", "a=x", "a=x:y:z")))
    assert description.attributes == (("x", ""), ("x", None), ("x", "y:z"))


def test_format_description_writes_every_line_with_crlf() -> None:
    assert format_description(parse_description(PHONE)) == PHONE


def test_format_description_writes_what_is_the_streams_own_below_it() -> None:
    description = Description(
        "- 1 2 IN IP6 2001:db8::1",
        "",
        (Media("video", 4, "RTP/AVP", ("31", "32"), (("x", ""),), connection="IN IP6 2001:db8::2", port_count=2),),
        attributes=(("inactive", None),),
        session_name="",
    )
    assert format_description(description) == (
        b"v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=-\r\nt=0 0\r\na=inactive\r\n"
        b"m=video 4/2 RTP/AVP 31 32\r\nc=IN IP6 2001:db8::2\r\na=x:\r\n"
    )


@pytest.mark.parametrize("end", ["\r", "\n", "\0", "\r\nm=video 4 RTP/AVP 31"], ids=repr)
@pytest.mark.parametrize(
    "spoilt",
    [
        replace(SMALL, origin="{}"),
        replace(SMALL, connection="{}"),
        replace(SMALL, session_name="{}"),
        replace(SMALL, timing="{}"),
        replace(SMALL, attributes=(("{}", None),)),
        replace(SMALL, attributes=(("x", "{}"),)),
        replace(SMALL, media=(Media("{}", 4, "RTP/AVP", ("0",), ()),)),
        replace(SMALL, media=(Media("audio", 4, "{}", ("0",), ()),)),
        replace(SMALL, media=(Media("audio", 4, "RTP/AVP", ("{}",), ()),)),
        replace(SMALL, media=(Media("audio", 4, "RTP/AVP", ("0",), (), connection="{}"),)),
        replace(SMALL, media=(Media("audio", 4, "RTP/AVP", ("0",), (("x", "{}"),)),)),
    ],
    ids=["o", "c", "s", "t", "a-name", "a-value", "kind", "protocol", "format", "media-c", "media-a"],
)
def test_format_description_line_end_in_a_value_raises_sdp_error(spoilt: Description, end: str) -> None:
    spoilt = put(spoilt, end)
    with pytest.raises(SdpError, match="a value holds CR, LF or NUL"):
        format_description(spoilt)


def put(spoilt: Description, end: str) -> Description:
    """The description with `end` where it has {}."""

    def fill(text: str) -> str:
        return text.replace("{}", end)

    def fill_all(attributes: tuple[tuple[str, str | None], ...]) -> tuple[tuple[str, str | None], ...]:
        return tuple((fill(name), value if value is None else fill(value)) for name, value in attributes)

    media = tuple(
        replace(
            each,
            kind=fill(each.kind),
            protocol=fill(each.protocol),
            formats=tuple(map(fill, each.formats)),
            attributes=fill_all(each.attributes),
            connection=fill(each.connection),
        )
        for each in spoilt.media
    )
    return Description(
        fill(spoilt.origin),
        fill(spoilt.connection),
        media,
        fill_all(spoilt.attributes),
        fill(spoilt.session_name),
        fill(spoilt.timing),
    )


def test_format_description_half_a_character_raises_sdp_error() -> None:
    with pytest.raises(SdpError, match="no octets stand for"):
        format_description(replace(SMALL, session_name="\ud800"))


def test_connection_of_media_is_its_own_before_that_of_the_session() -> None:
    own = replace(SMALL.media[0], connection="IN IP4 192.0.2.99")
    assert [SMALL.connection_of(media) for media in (SMALL.media[0], own)] == ["IN IP4 192.0.2.10", "IN IP4 192.0.2.99"]


def test_values_of_attributes_are_those_of_the_name_that_have_one() -> None:
    media = Media("audio", 4, "RTP/AVP", ("0",), (("x", "1"), ("y", "2"), ("x", None), ("x", "")))
    assert list(media.values_of("x")) == ["1", ""]


@pytest.mark.parametrize(
    ("address", "connection"),
    [("192.0.2.1", "IN IP4 192.0.2.1"), ("2001:db8::1", "IN IP6 2001:db8::1"), ("::", "IN IP6 ::")],
)
def test_format_connection_names_the_family_of_the_address(address: str, connection: str) -> None:
    assert format_connection(address) == connection
