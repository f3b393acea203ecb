"""What is read before a port is opened: all that is wrong at once."""

from pathlib import Path

import pytest

from callrouter.preparation import StartError, prepare
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings(home / "router.toml", environ={}, overrides=[])


def test_prepare_tells_every_problem_of_directory_and_certificates(settings: Settings, home: Path) -> None:
    tls = settings.tls.model_copy(update={"ca_file": home / "missing-ca.pem", "certificate_file": home / "missing.pem"})
    directory = settings.directory.model_copy(update={"file": home / "missing.toml"})
    with pytest.raises(StartError) as caught:
        prepare(settings.model_copy(update={"tls": tls, "directory": directory}))
    for name in ("missing-ca.pem", "missing.pem", "missing.toml"):
        assert [problem for problem in caught.value.problems if name in problem], name


def test_prepare_says_what_it_has_read(settings: Settings) -> None:
    prepared = prepare(settings)
    assert (len(prepared.directory.gateways), len(prepared.directory.servers)) == (3, 1)
    assert prepared.origin.source == "settings"
    assert [Path(file).name for file, _ in prepared.certificates] == ["router.pem", "ca.pem"]


def test_prepare_watches_the_files_that_it_was_made_of(settings: Settings, home: Path) -> None:
    (home / "directory.toml").write_text('[[servers]]\nname = "mbx1"\n', "utf-8")
    directory = settings.directory.model_copy(update={"file": home / "directory.toml", "gateways": (), "servers": ()})
    prepared = prepare(settings.model_copy(update={"directory": directory}), home / "router.toml")
    assert prepared.watched == (home / "router.toml", home / "directory.toml")
    assert prepare(settings).watched == ()
