"""What the image is made of and what it says of itself."""

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import callrouter
from tests.image.engine import Engine

ROOT = Path(__file__).parents[2]
MOST_BYTES = 150_000_000
USER = 10001


def test_image_is_small_above_its_base(engine: Engine, tell: Callable[[str], None]) -> None:
    tell(f"{engine.size / 1e6:.1f} MB above the base")
    assert 0 < engine.size < MOST_BYTES


def test_image_runs_as_somebody_without_rights(engine: Engine) -> None:
    assert engine.config["User"] == f"{USER}:{USER}"
    with engine.mounted() as root:
        walked = (Path(folder) / name for folder, names, files in os.walk(root) for name in (*names, *files))
        owned = {path.relative_to(root) for path in walked if path.lstat().st_uid == USER}
    assert owned == {Path("var/lib/callrouter")}


def test_image_has_no_installer_and_no_setuid_of_ours(engine: Engine) -> None:
    with engine.mounted() as root:
        ours = root / "opt" / "callrouter"
        assert (ours / "bin" / "callrouter").exists()
        assert not list(ours.glob("bin/pip*"))
        assert not list(ours.glob("lib/*/site-packages/pip"))
        assert not [path for path in ours.rglob("*") if path.lstat().st_mode & stat.S_ISUID]
        assert not (root / "source").exists()
        assert not (root / "wheel").exists()


def test_image_has_the_bytecode_of_what_it_runs(engine: Engine) -> None:
    with engine.mounted() as root:
        package = next((root / "opt" / "callrouter").glob("lib/*/site-packages/callrouter"))
        sources = list(package.rglob("*.py"))
        assert len(sources) > 50
        compiled = {path.name.partition(".")[0] for path in package.rglob("*.pyc")}
        assert {path.stem for path in sources} <= compiled


def test_image_tells_what_it_is(engine: Engine) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in engine.config["Labels"].items()
        if name.startswith("org.opencontainers.image.")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert labels["version"] == callrouter.__version__
    assert labels["licenses"] == project["license"]
    assert labels["title"] == project["name"]
    assert set(labels) == {"title", "description", "version", "licenses"}


def test_image_offers_every_port_of_the_lab_and_keeps_one_folder(engine: Engine) -> None:
    ports = {5060, 5061, 5062, 5063, 5065, 5066, 5067, 5068, 8080}
    assert set(engine.config["ExposedPorts"]) == {f"{port}/tcp" for port in ports}
    assert list(engine.config["Volumes"]) == ["/var/lib/callrouter"]
    assert engine.config["WorkingDir"] == "/var/lib/callrouter"


def test_image_starts_the_lab_stops_on_sigterm_and_looks_after_itself(engine: Engine) -> None:
    config = engine.config
    assert (config["Entrypoint"], config["Cmd"]) == (["callrouter"], ["lab"])
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "callrouter", "readyz"]
    drain = next(each for each in config["Env"] if each.startswith("CALLROUTER_LIMITS__DRAIN_SECONDS="))
    assert float(drain.partition("=")[2]) < 10  # what engines wait before they kill


def test_image_opens_the_api_to_others_only_with_a_token(engine: Engine) -> None:
    variables = dict(each.split("=", 1) for each in engine.config["Env"])
    assert variables["CALLROUTER_ADMIN__BIND_ADDRESS"] == "0.0.0.0"
    assert variables["CALLROUTER_ADMIN__TOKEN_FILE"].startswith("/var/lib/callrouter/")
    assert "CALLROUTER_ADMIN__TOKEN" not in variables
