"""The how-to page shows the configurations that are tested, to the letter."""

from pathlib import Path

import pytest

from tests.interop.three_hops.template import write_filled

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "phones-and-sbcs.md"
_PHONE = "127.0.0.1"


@pytest.mark.parametrize(
    ("template", "values"),
    [
        (
            "baresip/config.in",
            {
                "PHONE": _PHONE,
                "IDENTITY": "/path/to/phone/phone.pem",
                "CA": "/path/to/var/certs/ca.pem",
                "MODULES": "/usr/lib/baresip/modules",
            },
        ),
        ("baresip/accounts.in", {"PHONE": _PHONE, "TRANSPORT": "tcp"}),
        ("baresip/accounts.in", {"PHONE": _PHONE, "TRANSPORT": "tls"}),
        (
            "kamailio/kamailio.cfg.in",
            {
                "SBC": "127.0.0.20",
                "ROUTER": "127.0.0.10",
                "MAILBOX": "127[.]0[.]0[.]10",
                "TLS_CONFIG": "/path/to/tls.cfg",
            },
        ),
        ("kamailio/tls.cfg.in", {"CERTIFICATES": "/path/to/var/certs"}),
    ],
    ids=["baresip", "baresip-tcp", "baresip-tls", "kamailio", "kamailio-tls"],
)
def test_page_shows_the_configuration_that_is_tested(template: str, values: dict[str, str], tmp_path: Path) -> None:
    write_filled(template, tmp_path / "filled", **values)

    assert f"```text\n{(tmp_path / 'filled').read_text('utf-8')}```\n" in _PAGE.read_text("utf-8")
