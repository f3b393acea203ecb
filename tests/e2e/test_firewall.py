"""`callrouter firewall`: what it prints, who takes it, how it ends; and that its page shows what it prints."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from callrouter.cli.firewall import firewall
from callrouter.settings.values import StartupMode
from tests.architecture.house import ROOT, read_table_rows

PAGE = ROOT / "docs" / "howto" / "firewall.md"
_CONSOLE = re.compile(r"^```console\n\$ callrouter firewall (.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)

OPEN_ADMIN = ("--set", "admin.bind_address=0.0.0.0", "--set", "admin.token=secret")
VARIANTS = [
    (),
    ("--role", "router"),
    ("--role", "mailbox", "--source", "192.0.2.7"),
    ("--source", "192.0.2.0/24", "--source", "192.0.2.7", "--source", "198.51.100.0/24", "--source", "2001:db8::/32"),
    ("--source", "0.0.0.0/0"),
    ("--source", "0.0.0.0/0", "--source", "::/0"),
    OPEN_ADMIN,
]


def ask(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    app = typer.Typer()
    app.command()(firewall)
    return CliRunner().invoke(app, [*map(str, arguments)], env={"NO_COLOR": "1"})


def print_rules(*arguments: str | Path) -> str:
    ended = ask(*arguments)
    assert ended.exit_code == 0, ended.output
    assert ended.stderr == ""
    return ended.stdout


def feed(command: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def nft() -> str:
    """nft, where it is there and may ask the kernel, which even a check does."""
    path = shutil.which("nft")
    if path is None:
        pytest.skip("nft is not installed")
    if feed((path, "-c", "-f", "-"), "add table inet callrouter\n").returncode:
        pytest.skip("nft needs more rights than this process has")
    return path


@pytest.fixture(scope="module")
def kubectl() -> str:
    path = shutil.which("kubectl")
    if path is None:
        pytest.skip("kubectl is not installed")
    return path


@pytest.mark.parametrize("arguments", VARIANTS, ids=" ".join)
def test_firewall_nftables_is_taken_by_nft(nft: str, arguments: tuple[str, ...]) -> None:
    checked = feed((nft, "-c", "-f", "-"), print_rules(*arguments))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments", VARIANTS, ids=" ".join)
def test_firewall_networkpolicy_is_taken_by_kubectl_and_loses_nothing(
    kubectl: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    printed = print_rules("--format", "networkpolicy", *arguments)
    # It reads the documents as NetworkPolicy and writes them again, without asking a server.
    command = (kubectl, "label", "--local", "-f", "-", "read=again", "-o", "yaml", f"--cache-dir={tmp_path}")
    read = feed(command, printed)
    assert read.returncode == 0, read.stderr
    assert read.stdout.count("kind: NetworkPolicy") == printed.count("kind: NetworkPolicy")
    for pattern in (r"port: \d+", r"cidr: (.*)", r"protocol: TCP"):
        assert re.findall(pattern, read.stdout) == [each.strip('"') for each in re.findall(pattern, printed)]


def test_firewall_without_options_prints_both_roles_of_the_lab_for_nft() -> None:
    printed = print_rules()
    assert printed == print_rules("--format", "nftables", "--role", "all")
    assert "\ntable inet callrouter {\n" in printed
    assert '        tcp dport { 5060, 5061 } accept comment "UMCallRouter (TCP-In)"\n' in printed
    assert '        tcp dport { 5065, 5066, 5067, 5068 } accept comment "UMWorkerProcess (TCP-In)"\n' in printed
    assert " drop\n" not in printed


def test_firewall_takes_ports_from_a_file_and_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('[router]\num_startup_mode = "TCP"\nsip_tcp_listening_port = 15060\n', "utf-8")
    printed = print_rules(
        *(
            "--config",
            tmp_path / "my.toml",
            "--set",
            "mailbox.port_offset=10000",
            "--set",
            "mailbox.um_startup_mode=TLS",
        )
    )
    assert 'tcp dport { 15060 } accept comment "UMCallRouter (TCP-In)"' in printed
    assert 'tcp dport { 15063 } accept comment "UMService (TCP-In)"' in printed
    assert 'tcp dport { 15065, 15067 } accept comment "UMWorkerProcess (TCP-In)"' in printed


def test_firewall_sources_reach_every_format() -> None:
    sources = ("--source", "192.0.2.0/24", "--source", "2001:db8::/32")
    assert "ip saddr { 192.0.2.0/24 } tcp dport { 5060, 5061 } accept" in print_rules(*sources)
    assert ' remoteip="192.0.2.0/24,2001:db8::/32"\n' in print_rules("--format", "netsh", *sources)
    assert '            cidr: "2001:db8::/32"\n' in print_rules("--format", "networkpolicy", *sources)


def test_firewall_names_the_admin_port_only_where_others_can_reach_it() -> None:
    assert "8080" not in print_rules()
    assert 'tcp dport { 8080 } accept comment "callrouter admin (TCP-In)"' in print_rules(*OPEN_ADMIN)
    assert "8080" not in print_rules(*OPEN_ADMIN, "--role", "mailbox")


def test_firewall_for_a_port_that_is_not_known_names_its_setting_and_exits_with_2() -> None:
    unknown = ("--set", "router.sip_tcp_listening_port=0", "--set", "router.sip_tls_listening_port=0")
    ended = ask(*unknown)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.splitlines() == [
        "callrouter: router.sip_tcp_listening_port: 0 takes any free port, and a firewall rule needs the number",
        "callrouter: router.sip_tls_listening_port: 0 takes any free port, and a firewall rule needs the number",
    ]
    assert ask(*unknown, "--role", "mailbox").exit_code == 0


def test_firewall_for_what_is_no_source_names_each_and_exits_with_2() -> None:
    ended = ask("--source", "10.0.0.1/8", "--source", "192.0.2.1", "--source", "gw\x1b[2Jitself")
    assert (ended.exit_code, ended.stdout) == (2, "")
    first, second = ended.stderr.splitlines()
    assert first == "callrouter: --source 10.0.0.1/8: '10.0.0.1/8' has host bits set; the network is 10.0.0.0/8"
    assert second.startswith("callrouter: --source gw\\x1b[2Jitself: ")


def test_firewall_with_wrong_settings_exits_with_2() -> None:
    ended = ask("--set", "router.sip_tcp_listening_port=http")
    assert ended.exit_code == 2
    assert "router.sip_tcp_listening_port" in ended.stderr


def test_firewall_page_shows_what_the_command_prints() -> None:
    examples = _CONSOLE.findall(PAGE.read_text("utf-8"))
    assert len(examples) == 3
    for arguments, shown in examples:
        assert print_rules(*shlex.split(arguments)) == shown


@pytest.mark.parametrize("mode", StartupMode)
def test_firewall_page_has_the_ports_of_each_startup_mode(mode: StartupMode) -> None:
    [row] = [row for row in read_table_rows(PAGE) if row[0] == f"`{mode}`"]
    printed = print_rules("--set", f"router.um_startup_mode={mode}", "--set", f"mailbox.um_startup_mode={mode}")
    services = ("UMCallRouter", "UMService", "UMWorkerProcess")
    assert row[1:] == [
        ports
        for service in services
        for ports in re.findall(rf'dport {{ (.*) }} accept comment "{service} \(TCP-In\)"', printed)
    ]
