"""Certificates that the lab's commands make for themselves: when, for which names, and of whom they are."""

import ssl
from pathlib import Path

import pytest
import typer

from callrouter.certificates.inspect import inspect_certificate
from callrouter.cli.lab_certificates import fill_certificates
from callrouter.settings.model import Settings


def make(**groups: object) -> Settings:
    return Settings.model_validate(groups)


def test_settings_that_name_no_files_get_those_of_the_lab(tmp_path: Path) -> None:
    filled = fill_certificates(make(), tmp_path)
    certs = tmp_path / "certs"
    assert filled.tls.certificate_file == certs / "router.pem"
    assert filled.tls.private_key_file == certs / "router-key.pem"
    assert filled.tls.ca_file == certs / "ca.pem"
    assert filled.mailbox.certificate_file == certs / "mailbox.pem"
    assert filled.mailbox.private_key_file == certs / "mailbox-key.pem"
    # And nothing else has changed.
    untouched = filled.model_copy(update={"tls": Settings().tls, "mailbox": Settings().mailbox})
    assert untouched == Settings()


def test_certificates_are_of_one_authority_that_a_client_can_go_by(tmp_path: Path) -> None:
    filled = fill_certificates(make(), tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(filled.tls.ca_file)
    for group in (filled.tls, filled.mailbox):
        assert group.certificate_file is not None
        assert (
            inspect_certificate(group.certificate_file).issuer
            == inspect_certificate(tmp_path / "certs" / "ca.pem").subject
        )
        context.load_cert_chain(group.certificate_file, group.private_key_file)


def test_certificates_name_where_router_and_servers_are_reached(tmp_path: Path) -> None:
    filled = fill_certificates(
        make(
            router={"bind_address": "127.1.1.1", "external_host_fqdn": "um.example.test"},
            mailbox={"bind_address": "127.2.2.2", "advertised_host": "mbx.example.test"},
        ),
        tmp_path,
    )
    assert filled.mailbox.certificate_file is not None
    facts = inspect_certificate(filled.mailbox.certificate_file)
    assert {"um.example.test", "mbx.example.test"} <= set(facts.dns_names)
    assert {"127.1.1.1", "127.2.2.2"} <= set(facts.ip_addresses)


def test_certificates_once_made_are_kept(tmp_path: Path) -> None:
    fill_certificates(make(), tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "certs").iterdir()}
    fill_certificates(make(mailbox={"bind_address": "127.3.3.3"}), tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "certs").iterdir()} == before


@pytest.mark.parametrize("key", ["certificate_file", "private_key_file", "ca_file"])
def test_settings_that_name_a_file_are_left_alone(tmp_path: Path, key: str) -> None:
    settings = make(tls={key: "mine.pem"})
    assert fill_certificates(settings, tmp_path) == settings
    assert list(tmp_path.iterdir()) == []


def test_settings_without_tls_are_left_alone(tmp_path: Path) -> None:
    settings = make(router={"um_startup_mode": "TCP"}, mailbox={"um_startup_mode": "TCP"})
    assert fill_certificates(settings, tmp_path) == settings
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("group", ["router", "mailbox"])
def test_settings_with_tls_on_one_side_get_certificates(tmp_path: Path, group: str) -> None:
    assert fill_certificates(make(**{group: {"um_startup_mode": "TCP"}}), tmp_path).tls.ca_file is not None


@pytest.mark.parametrize("key", ["certificate_file", "private_key_file"])
def test_certificate_that_the_servers_have_of_their_own_is_kept(tmp_path: Path, key: str) -> None:
    settings = make(mailbox={key: "mine.pem"})
    filled = fill_certificates(settings, tmp_path)
    assert filled.mailbox == settings.mailbox
    assert filled.tls.ca_file is not None


def test_half_a_set_ends_the_command_and_names_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_certificates(make(), tmp_path)
    (tmp_path / "certs" / "mailbox-key.pem").unlink()
    with pytest.raises(typer.Exit) as caught:
        fill_certificates(make(), tmp_path)
    assert caught.value.exit_code == 2
    assert "mailbox-key.pem" in capsys.readouterr().err


def test_folder_that_cannot_be_made_ends_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "certs").write_text("a file, not a folder", "ascii")
    with pytest.raises(typer.Exit):
        fill_certificates(make(), tmp_path)
    assert capsys.readouterr().err.startswith("callrouter: ")
