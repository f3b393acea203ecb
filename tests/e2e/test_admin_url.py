"""Where commands look for the admin port of a running router."""

from pathlib import Path

import pytest

from callrouter.cli.admin_url import AdminPort, find_admin_port


@pytest.mark.parametrize(
    ("overrides", "url"),
    [
        ([], "http://127.0.0.1:8080"),
        (["admin.port=9090"], "http://127.0.0.1:9090"),
        (["admin.bind_address=192.0.2.1", "admin.token=letmein"], "http://192.0.2.1:8080"),
        (["admin.bind_address=0.0.0.0", "admin.token=letmein"], "http://127.0.0.1:8080"),
        (["admin.bind_address=", "admin.token=letmein"], "http://127.0.0.1:8080"),
        (["admin.bind_address=::", "admin.token=letmein"], "http://[::1]:8080"),
        (["admin.bind_address=::1"], "http://[::1]:8080"),
    ],
)
def test_admin_port_is_where_the_settings_say(overrides: list[str], url: str) -> None:
    token = "letmein" if any("token" in each for each in overrides) else ""
    assert find_admin_port(None, overrides) == AdminPort(url, token)


def test_admin_port_of_a_file_and_the_environment_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "router.toml"
    file.write_text("[admin]\nport = 9090\n", "utf-8")
    monkeypatch.setenv("CALLROUTER_ADMIN__TOKEN", "letmein")
    assert find_admin_port(file, None) == AdminPort("http://127.0.0.1:9090", "letmein")
