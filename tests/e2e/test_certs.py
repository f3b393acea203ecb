"""`callrouter certs DIR`: a set of certificates that router and client can use, and no half-made or lost ones."""

import stat
from pathlib import Path

from callrouter.certificates.inspect import inspect_certificate
from tests.e2e.command import run_command

PROMISED = {
    *("ca.pem", "router.pem", "router-key.pem", "mailbox.pem", "mailbox-key.pem", "client.pem", "client-key.pem"),
}


def test_certs_writes_the_promised_files_and_prints_them(tmp_path: Path) -> None:
    ended = run_command("certs", "lab/certs", "--host", "um.example.test", "--host", "192.0.2.7", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    directory = tmp_path / "lab" / "certs"
    written = {path.name for path in directory.iterdir()}
    assert written >= PROMISED
    assert {Path(line).name for line in ended.stdout.splitlines()} == written
    facts = inspect_certificate(directory / "router.pem")
    assert "um.example.test" in facts.dns_names
    assert "192.0.2.7" in facts.ip_addresses
    assert inspect_certificate(directory / "client.pem").dns_names == ("client.callrouter.test",)
    keys = [path for path in directory.iterdir() if path.name.endswith("-key.pem")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_certs_over_a_whole_set_keeps_it_unless_forced(tmp_path: Path) -> None:
    def certs(*options: str) -> tuple[int, str, bytes]:
        ended = run_command("certs", "certs", "--host", "localhost", *options, cwd=tmp_path)
        return ended.returncode, ended.stdout, (tmp_path / "certs" / "ca.pem").read_bytes()

    _, _, first = certs()
    exit_code, said, second = certs()
    assert (exit_code, second) == (0, first)
    assert "--force" in said
    exit_code, _, third = certs("--force")
    assert exit_code == 0
    assert third != first


def test_certs_over_half_a_set_says_what_is_missing_and_exits_with_2(tmp_path: Path) -> None:
    run_command("certs", "certs", "--host", "localhost", cwd=tmp_path)
    (tmp_path / "certs" / "ca.pem").unlink()
    ended = run_command("certs", "certs", "--host", "localhost", cwd=tmp_path)
    assert ended.returncode == 2
    assert "ca.pem" in ended.stderr
    assert not (tmp_path / "certs" / "ca.pem").exists()


def test_certs_for_what_is_no_host_name_exits_with_2(tmp_path: Path) -> None:
    ended = run_command("certs", "certs", "--host", "no host", cwd=tmp_path)
    assert ended.returncode == 2
    assert "no host" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_certs_where_nothing_can_be_written_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "certs").write_text("a file, not a folder", "ascii")
    ended = run_command("certs", "certs", "--host", "localhost", cwd=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
