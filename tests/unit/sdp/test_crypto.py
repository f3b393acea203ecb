import pytest

from callrouter.sdp.crypto import Crypto, format_crypto, read_cryptos
from callrouter.sdp.description import Attribute, Media
from tests.unit.sdp.bodies import KEY

SUITE_80 = "AES_CM_128_HMAC_SHA1_80"
SUITE_32 = "AES_CM_128_HMAC_SHA1_32"


def read(*values: str) -> tuple[Crypto, ...]:
    attributes: tuple[Attribute, ...] = tuple(("crypto", value) for value in values)
    return read_cryptos(Media("audio", 4, "RTP/SAVP", ("0",), attributes))


@pytest.mark.parametrize(
    ("value", "crypto"),
    [
        (f"1 {SUITE_80} inline:{KEY}", Crypto("1", SUITE_80)),
        (f"23 {SUITE_32} inline:{KEY}|2^20|1:4", Crypto("23", SUITE_32)),
        (f"1 {SUITE_80} inline:{KEY}|2^31|1:1", Crypto("1", SUITE_80)),
        (f"1 {SUITE_80} inline:{KEY}|1:4;inline:{KEY}|2:4", Crypto("1", SUITE_80)),
        (f"1  {SUITE_80}  inline:{KEY} ", Crypto("1", SUITE_80)),
        (f"1 {SUITE_80} inline:{KEY} WSH=64 -vendor", Crypto("1", SUITE_80)),
        (f"999999999 {SUITE_80} inline:{KEY}", Crypto("999999999", SUITE_80)),
    ],
)
def test_read_cryptos_usable_line_gives_tag_and_suite(value: str, crypto: Crypto) -> None:
    assert read(value) == (crypto,)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 {SUITE_80}",
        f"x {SUITE_80} inline:{KEY}",
        f"1000000000 {SUITE_80} inline:{KEY}",
        f"\u0661 {SUITE_80} inline:{KEY}",
        f"1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
        f"1 {SUITE_80} uri:{KEY}",
        f"1 {SUITE_80} inline:",
        f"1 {SUITE_80} inline:{KEY[:-1]}",
        f"1 {SUITE_80} inline:{KEY}A",
        f"1 {SUITE_80} inline:{KEY[:-1]}=",
        f"1 {SUITE_80} inline:{KEY} UNENCRYPTED_SRTP",
        f"1 {SUITE_80} inline:{KEY} UNENCRYPTED_SRTCP WSH=64",
        f"1 {SUITE_80} inline:{KEY} KDR=1",
    ],
)
def test_read_cryptos_line_of_no_use_is_left_out(value: str) -> None:
    assert read(value) == ()


def test_read_cryptos_several_lines_keep_their_order() -> None:
    values = (f"3 {SUITE_32} inline:{KEY}", f"2 UNKNOWN inline:{KEY}", f"1 {SUITE_80} inline:{KEY}")
    assert read(*values) == (Crypto("3", SUITE_32), Crypto("1", SUITE_80))


def test_format_crypto_reads_back_as_the_same() -> None:
    name, value = format_crypto(Crypto("7", SUITE_32), KEY)
    assert (name, value) == ("crypto", f"7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}")
    assert value is not None
    assert read(value) == (Crypto("7", SUITE_32),)
