"""Types of single values that several groups share."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from callrouter.settings.values import BindAddress, IPAddressFamily, ListeningPort, OptionalPath, StartupMode


def test_startup_modes_and_families_are_those_of_the_product() -> None:
    assert [mode.value for mode in StartupMode] == ["TCP", "TLS", "Dual"]
    assert [family.value for family in IPAddressFamily] == ["IPv4Only", "IPv6Only", "Any"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ""),
        ("0.0.0.0", "0.0.0.0"),
        ("127.9.9.9", "127.9.9.9"),
        ("0:0::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_bind_address_is_numeric_and_canonical(written: str, read: str) -> None:
    assert TypeAdapter(BindAddress).validate_python(written) == read


@pytest.mark.parametrize("text", ["localhost", "[::1]", "127.0.0.1:5062", "127.0.0", " ", "*"])
def test_bind_address_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(BindAddress).validate_python(text)


@pytest.mark.parametrize(("port", "is_sound"), [(0, True), (65535, True), (-1, False), (65536, False), ("x", False)])
def test_listening_port_is_one_or_zero(port: Any, is_sound: bool) -> None:
    adapter = TypeAdapter(ListeningPort)
    if is_sound:
        assert adapter.validate_python(port) == port
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(port)


@pytest.mark.parametrize(
    ("given", "read"), [(None, None), ("", None), ("a/b.pem", Path("a/b.pem")), (Path("x"), Path("x"))]
)
def test_optional_path_that_is_empty_is_unset(given: Any, read: Path | None) -> None:
    assert TypeAdapter(OptionalPath).validate_python(given) == read
