"""What can be done to a running router, in its own process: whole or not at all."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from callrouter import operations as module
from callrouter.admin.control import ControlError
from callrouter.directory.model import ComponentState, Directory
from callrouter.observability.logs import Logs, configure_logs
from callrouter.operations import Operations
from callrouter.preparation import prepare
from callrouter.settings.freeze import freeze_log
from callrouter.settings.load import SettingsError, load_settings
from callrouter.settings.model import LogSettings, Settings
from callrouter.sources.document import DirectoryDocument


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = configure_logs(freeze_log(LogSettings(file=tmp_path / "router.log", format="json")), sys.stderr)
    yield made
    made.close()


@pytest.fixture
def running(home: Path, logs: Logs) -> Operations:
    def reread() -> Settings:
        return load_settings(home / "router.toml", environ={}, overrides=[])

    return Operations(prepare(reread()), reread, logs.logger)


async def test_router_settings_changed_are_in_force_and_told(running: Operations) -> None:
    changed = await running.set_router_settings({"component_state": "Draining", "max_calls_allowed": 7})
    assert running.router_settings() == changed
    assert (changed.max_calls_allowed, changed.component_state) == (7, ComponentState.DRAINING)
    assert running.snapshot().component_state is ComponentState.DRAINING


@pytest.mark.parametrize(
    "changes",
    [
        {"sip_tcp_listening_port": 70000},
        {"no_such": 1},
        {"bind_address": "::1", "ip_address_family": "IPv4Only"},
        {"component_state": "Draining", "um_startup_mode": "UDP"},
    ],
)
async def test_router_settings_with_a_fault_change_nothing(running: Operations, changes: dict[str, object]) -> None:
    before = running.snapshot()
    with pytest.raises(ControlError) as caught:
        await running.set_router_settings(changes)
    assert all(problem.startswith("router.") for problem in caught.value.problems)
    assert running.snapshot() is before


def test_document_replaced_is_in_force_and_comes_from_the_api(running: Operations) -> None:
    document = DirectoryDocument.model_validate({"servers": [{"name": "new", "fqdn": "new.example.test"}]})
    running.replace_document(document)
    assert running.document() is document
    assert [server.name for server in running.snapshot().lookup.directory.servers] == ["new"]
    assert running.origin.source == "API"


def test_document_with_a_fault_changes_nothing(running: Operations) -> None:
    before = running.snapshot()
    twice = {"servers": [{"name": "a"}, {"name": "A"}], "users": [{"name": "u", "um_dial_plan": "none"}]}
    with pytest.raises(ControlError) as caught:
        running.replace_document(DirectoryDocument.model_validate(twice))
    assert len(caught.value.problems) >= 2
    assert running.snapshot() is before


async def test_reload_goes_back_to_the_files(running: Operations) -> None:
    running.replace_document(DirectoryDocument())
    await running.set_router_settings({"component_state": "Inactive"})
    await running.reload()
    assert running.origin.source == "settings"
    assert running.snapshot().component_state is ComponentState.ACTIVE
    assert running.trouble == {}


async def test_reload_of_what_is_broken_keeps_everything_and_is_remembered(running: Operations, home: Path) -> None:
    before, sound = running.snapshot(), (home / "router.toml").read_text("utf-8")
    (home / "router.toml").write_text(sound + "\n[pool]\nselection = 7\n", "utf-8")
    with pytest.raises(ControlError, match=r"pool\.selection"):
        await running.reload()
    assert running.snapshot() is before
    assert "pool.selection" in running.trouble["reload"]
    (home / "router.toml").write_text(sound, "utf-8")
    await running.reload()
    assert running.trouble == {}


async def test_reload_names_what_waits_for_a_restart(running: Operations, home: Path, tmp_path: Path) -> None:
    with (home / "router.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[limits]\nmax_headers = 99\n")
    await running.reload()
    assert running.settings.limits.max_headers == 256
    assert '"groups":["limits"]' in (tmp_path / "router.log").read_text("utf-8")


async def test_names_resolved_are_looked_up_by_address_and_survive_a_change(
    running: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = ip_address("192.0.2.77")

    async def resolve(directory: Directory) -> tuple[Directory, tuple[str, ...]]:
        gateways = tuple(replace(each, resolved=(address,) if each.fqdn else ()) for each in directory.gateways)
        return replace(directory, gateways=gateways), ()

    monkeypatch.setattr(module, "resolve_gateways", resolve)
    assert running.snapshot().lookup.gateway_by_address(address) is None
    await running.resolve()
    found = running.snapshot().lookup.gateway_by_address(address)
    assert found is not None
    assert found.fqdn == "client.callrouter.test"
    running.replace_document(running.document())
    assert running.snapshot().lookup.gateway_by_address(address) is not None


async def test_reread_that_fails_is_a_refusal(home: Path, logs: Logs) -> None:
    settings = load_settings(home / "router.toml", environ={}, overrides=[])

    def reread() -> Settings:
        raise SettingsError([])

    running = Operations(prepare(settings), reread, logs.logger)
    with pytest.raises(ControlError):
        await running.reload()
