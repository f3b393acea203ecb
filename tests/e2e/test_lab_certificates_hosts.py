"""Certificates that a lab makes: where they are put, whom they name, and what is said where they cannot be made."""

from pathlib import Path

import pytest

from callrouter.certificates.inspect import inspect_certificate
from callrouter.cli.lab_certificates import fill_certificates, find_lab_certificates
from callrouter.settings.model import Settings
from tests.e2e.command import run_command


def test_certificates_name_every_host_that_contacts_may_carry(tmp_path: Path) -> None:
    groups = {
        "router": {"external_host_fqdn": "lb.example.test"},
        "mailbox": {
            "advertised_host": "um.example.test",
            "servers": [
                {"name": "a", "advertised_host": "192.0.2.7"},
                {"name": "b", "advertised_host": "b.example.test"},
            ],
        },
    }
    filled = fill_certificates(Settings.model_validate(groups), tmp_path)
    assert filled.mailbox.certificate_file == tmp_path / "certs" / "mailbox.pem"
    facts = inspect_certificate(tmp_path / "certs" / "mailbox.pem")
    assert {"lb.example.test", "um.example.test", "b.example.test", "localhost"} <= set(facts.dns_names)
    assert "192.0.2.7" in facts.ip_addresses


def test_commands_that_call_a_lab_look_where_it_was_told_to_keep_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_lab_certificates() == Path("var/certs")
    monkeypatch.setenv("CALLROUTER_VAR", "/srv/lab")
    assert find_lab_certificates() == Path("/srv/lab/certs")
    monkeypatch.setenv("CALLROUTER_VAR", "")
    assert find_lab_certificates() == Path("var/certs")


@pytest.mark.parametrize("command", ["lab", "mailbox"])
def test_folder_that_cannot_be_written_ends_the_start_with_its_name(tmp_path: Path, command: str) -> None:
    (tmp_path / "taken").write_text("", "ascii")
    ended = run_command(command, cwd=tmp_path, environment={"CALLROUTER_VAR": "taken/var"})
    assert ended.returncode == 2
    assert "callrouter: taken/var" in ended.stderr
    assert "--var, CALLROUTER_VAR" in ended.stderr
    assert "Traceback" not in ended.stderr
