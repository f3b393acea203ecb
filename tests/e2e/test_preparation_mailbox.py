"""What is read before a port is opened where Mailbox servers are emulated: which certificates, and of whom."""

from pathlib import Path
from typing import Any

import pytest

from callrouter.preparation import Prepared, Role, StartError, inspect_certificates, prepare
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings
from callrouter.settings.values import StartupMode

BOTH = Role.ROUTER | Role.MAILBOX


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings(home / "router.toml", environ={}, overrides=[])


def change(settings: Settings, group: str, **values: Any) -> Settings:
    return settings.model_copy(update={group: getattr(settings, group).model_copy(update=values)})


def with_own(settings: Settings, home: Path) -> Settings:
    """The servers have the lab's certificate for Mailbox servers."""
    certs = home / "certs"
    return change(
        settings, "mailbox", certificate_file=certs / "mailbox.pem", private_key_file=certs / "mailbox-key.pem"
    )


def names_of(prepared: Prepared) -> list[str]:
    return [Path(file).name for file, _ in prepared.certificates]


def problems_of(settings: Settings, roles: Role = BOTH) -> tuple[str, ...]:
    with pytest.raises(StartError) as caught:
        prepare(settings, roles=roles)
    return caught.value.problems


# --- whose certificate


def test_prepare_for_a_router_reads_nothing_of_the_mailbox_role(settings: Settings, home: Path) -> None:
    gone = change(settings, "mailbox", certificate_file=home / "gone.pem", private_key_file=home / "gone-key.pem")
    prepared = prepare(gone)
    assert (prepared.roles, prepared.mailbox_tls) == (Role.ROUTER, None)
    assert prepared.server_tls is not None
    assert names_of(prepared) == ["router.pem", "ca.pem"]


def test_prepare_for_both_shows_the_servers_own_certificate_beside_the_routers(settings: Settings, home: Path) -> None:
    prepared = prepare(with_own(settings, home), roles=BOTH)
    assert prepared.server_tls is not None
    assert prepared.mailbox_tls is not None
    assert prepared.mailbox_tls.files.certificate_file == home / "certs" / "mailbox.pem"
    assert prepared.mailbox_tls.files.private_key_file == home / "certs" / "mailbox-key.pem"
    assert prepared.mailbox_tls.files.ca_file == prepared.server_tls.files.ca_file == home / "certs" / "ca.pem"
    assert names_of(prepared) == ["router.pem", "ca.pem", "mailbox.pem"]


def test_prepare_for_servers_alone_reads_nothing_of_a_router(settings: Settings, home: Path) -> None:
    own = change(with_own(settings, home), "tls", certificate_file=home / "gone.pem", private_key_file=None)
    prepared = prepare(own, roles=Role.MAILBOX)
    assert (prepared.roles, prepared.server_tls) == (Role.MAILBOX, None)
    assert prepared.mailbox_tls is not None
    assert names_of(prepared) == ["ca.pem", "mailbox.pem"]


@pytest.mark.parametrize("roles", [BOTH, Role.MAILBOX])
def test_prepare_for_servers_without_a_certificate_of_their_own_takes_the_routers(
    settings: Settings, home: Path, roles: Role
) -> None:
    prepared = prepare(settings, roles=roles)
    assert prepared.mailbox_tls is not None
    assert prepared.mailbox_tls.files.certificate_file == home / "certs" / "router.pem"
    assert names_of(prepared) == ["router.pem", "ca.pem"]


def test_prepare_for_servers_over_tcp_needs_no_certificate() -> None:
    plain = Settings.model_validate({"mailbox": {"um_startup_mode": "TCP"}})
    prepared = prepare(plain, roles=Role.MAILBOX)
    assert (prepared.server_tls, prepared.mailbox_tls, prepared.certificates) == (None, None, ())


def test_prepare_for_servers_over_tcp_beside_a_router_over_tls(settings: Settings) -> None:
    prepared = prepare(change(settings, "mailbox", um_startup_mode=StartupMode.TCP), roles=BOTH)
    assert prepared.mailbox_tls is None
    assert prepared.server_tls is not None


# --- what is wrong


@pytest.mark.parametrize("unset", ["certificate_file", "private_key_file"])
def test_prepare_for_servers_without_any_certificate_names_what_is_unset(settings: Settings, unset: str) -> None:
    [problem] = problems_of(change(settings, "tls", **{unset: None}), Role.MAILBOX)
    assert problem == f"mailbox.um_startup_mode is Dual and needs mailbox.{unset} or tls.{unset}"


def test_prepare_with_a_certificate_and_the_key_of_another_says_so(settings: Settings, home: Path) -> None:
    mixed = change(settings, "mailbox", certificate_file=home / "certs" / "mailbox.pem")
    problems = problems_of(mixed, Role.MAILBOX)
    assert [problem for problem in problems if "mailbox.pem" in problem and "router-key.pem" in problem]


def test_prepare_tells_what_is_wrong_with_both_roles_at_once(settings: Settings, home: Path) -> None:
    broken = change(settings, "tls", certificate_file=home / "no-router.pem")
    broken = change(
        broken,
        "mailbox",
        certificate_file=home / "no-mailbox.pem",
        private_key_file=home / "certs" / "mailbox-key.pem",
    )
    broken = change(broken, "directory", file=home / "no-directory.toml")
    problems = problems_of(broken)
    for name in ("no-router.pem", "no-mailbox.pem", "no-directory.toml"):
        assert len([problem for problem in problems if name in problem]) == 1, name


def test_prepare_tells_what_both_roles_share_once(settings: Settings, home: Path) -> None:
    problems = problems_of(change(settings, "tls", ca_file=home / "no-ca.pem"))
    assert len([problem for problem in problems if "no-ca.pem" in problem]) == 1


def test_prepare_with_a_certificate_that_says_nothing_names_its_file(settings: Settings, home: Path) -> None:
    (home / "certs" / "mailbox.pem").write_text("nothing", "utf-8")
    [problem] = problems_of(with_own(settings, home), Role.MAILBOX)
    assert "mailbox.pem" in problem


# --- which certificates are looked at


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        (Role.ROUTER, ["router.pem", "ca.pem"]),
        (Role.MAILBOX, ["ca.pem", "mailbox.pem"]),
        (BOTH, ["router.pem", "ca.pem", "mailbox.pem"]),
    ],
)
def test_certificates_are_those_that_the_roles_show_or_go_by(
    settings: Settings, home: Path, roles: Role, names: list[str]
) -> None:
    found = inspect_certificates(with_own(settings, home), roles)
    assert [Path(file).name for file, _ in found] == names


def test_certificates_of_all_roles_are_looked_at_where_none_is_named(settings: Settings, home: Path) -> None:
    own = with_own(settings, home)
    assert inspect_certificates(own) == inspect_certificates(own, BOTH)
