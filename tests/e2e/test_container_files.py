"""docker/ and docs/howto/container.md: files of the right shape, settings that exist, numbers that agree.

That they work is held by tests/image, which needs an image; this needs none.
"""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

import callrouter
from callrouter.preparation import read_directory
from callrouter.settings.keys import ENVIRONMENT_PREFIX, LEVEL_DELIMITER
from callrouter.settings.load import load_settings
from callrouter.settings.mailbox import UM_SERVICE_PORTS, EmulatedServer, MailboxSettings
from callrouter.settings.model import AdminSettings, RouterSettings

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
PAGE = ROOT / "docs" / "howto" / "container.md"
COMPOSE = sorted(path.name for path in DOCKER.glob("compose*.yaml"))
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
OF_COMMANDS = {"CALLROUTER_CONFIG", "CALLROUTER_VAR"}


def read_compose(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text("utf-8"))
    return document


def read_snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def list_environments(node: object) -> Iterator[dict[str, str]]:
    """Every set of variables in a document, whatever it is for."""
    if isinstance(node, list):
        for each in node:
            yield from list_environments(each)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in ("environment", "env", "variables"):
            entries = (
                value.items() if isinstance(value, dict) else ((each["name"], "um.example.test") for each in value)
            )
            yield {name: str(text) for name, text in entries}
        else:
            yield from list_environments(value)


def check_environment(environment: dict[str, str]) -> None:
    """Each variable is a setting of the router's with a value that it takes, or one of the commands'."""
    for name in environment:
        assert name.startswith(ENVIRONMENT_PREFIX)
        assert LEVEL_DELIMITER in name or name in OF_COMMANDS
    load_settings(None, environ=environment, overrides=(), embedded="")


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_file_is_what_the_specification_says(name: str) -> None:
    document = read_compose(name)
    # Merged before: the validator takes no YAML merge keys.
    merged = yaml.safe_dump({key: value for key, value in document.items() if not key.startswith("x-")})
    assert set(PyCompose.from_yaml(merged).service_names()) == set(document["services"])


def test_validator_of_compose_files_refuses_what_is_wrong() -> None:
    for wrong in ("cap_drp: [ALL]", "healthcheck: {intervall: 1s}", "depends_on: {a: {condition: healthy}}"):
        with pytest.raises(ValueError, match=r"services\.a"):
            PyCompose.from_yaml(f"services:\n  a:\n    image: a\n    {wrong}\n")


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_file_refers_to_what_there_is(name: str) -> None:
    document = read_compose(name)
    services, volumes = document["services"], document.get("volumes", {})
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for place in service.get("volumes", ()):
            source = place.split(":")[0]
            assert source in volumes or (DOCKER / source).exists()
        build = service.get("build", {})
        if "context" in build:
            assert (DOCKER / build["context"] / build["dockerfile"]).samefile(DOCKER / "Dockerfile")
        for dependency, how in service.get("depends_on", {}).items():
            is_watched = services[dependency].get("healthcheck", {}).get("test") == ["CMD", "callrouter", "readyz"]
            assert is_watched or how["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_file_sets_settings_that_there_are(name: str) -> None:
    environments = list(list_environments(read_compose(name)))
    assert environments
    for environment in environments:
        check_environment(environment)


def test_router_of_the_compose_file_can_be_started_and_knows_its_servers() -> None:
    settings = load_settings(DOCKER / "router.toml", environ={}, overrides=())
    servers = {server.name: server.fqdn for server in read_directory(settings).directory.servers}
    services = read_compose("compose.yaml")["services"]
    assert set(servers.values()) <= set(services)
    for name, fqdn in servers.items():
        environment = services[fqdn]["environment"]
        emulated = load_settings(None, environ=environment, overrides=(), embedded="").mailbox
        assert [each.name for each in emulated.servers] == [name]
        assert emulated.advertised_host == fqdn


def test_dockerfile_and_package_agree() -> None:
    assert re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.MULTILINE) == [callrouter.__version__]
    assert re.findall(r"^ARG BASE_IMAGE=(.*)$", DOCKERFILE, re.MULTILINE) == ["python:3.13-slim"]
    assert DOCKERFILE.count("\nFROM ${BASE_IMAGE}") == 2
    [exposed] = re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)
    router, admin = RouterSettings(), AdminSettings()
    own = [router.sip_tcp_listening_port, router.sip_tls_listening_port, admin.port]
    mailbox = MailboxSettings().ports_of(EmulatedServer(name="any"))
    assert sorted(map(int, exposed.split())) == sorted([*own, *mailbox])
    assert set(UM_SERVICE_PORTS.values()) <= set(mailbox)


def test_dockerfile_sets_settings_that_there_are() -> None:
    names = re.findall(r"\b(CALLROUTER_\w+)=(\S*)", DOCKERFILE)
    check_environment(dict(names))
    assert {name for name, _ in names} >= {"CALLROUTER_VAR", "CALLROUTER_ADMIN__TOKEN_FILE"}


def test_build_context_holds_what_the_wheel_is_built_of_and_nothing_that_it_is_not() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert kept == {"src", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "docker/wheelhouse"}
    assert all((ROOT / name).exists() for name in kept - {"docker/wheelhouse"})


@pytest.mark.parametrize("snippet", read_snippets("yaml"))
def test_snippet_of_the_page_sets_settings_that_there_are(snippet: str) -> None:
    [environment] = list_environments(yaml.safe_load(snippet))
    assert "CALLROUTER_MAILBOX__ADVERTISED_HOST" in environment
    check_environment(environment)


def test_page_has_a_snippet_for_every_engine() -> None:
    documents = [yaml.safe_load(snippet) for snippet in read_snippets("yaml")]
    compose, actions, gitlab, kubernetes = documents
    PyCompose.from_yaml(yaml.safe_dump(compose))
    service = actions["jobs"]["calls"]["services"]["callrouter"]
    assert set(service) <= {"image", "credentials", "env", "ports", "volumes", "options"}
    assert {"5060:5060", "5062:5062", "5065:5065", "5067:5067"} <= set(service["ports"])
    [of_gitlab] = gitlab["calls"]["services"]
    assert set(of_gitlab) <= {"name", "alias", "entrypoint", "command", "docker", "pull_policy", "variables"}
    assert (kubernetes["apiVersion"], kubernetes["kind"]) == ("v1", "Pod")
    [container] = kubernetes["spec"]["containers"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted == {"state": "/var/lib/callrouter"}
    assert [each["name"] for each in kubernetes["spec"]["volumes"]] == ["state"]


def test_command_lines_of_the_page_set_settings_that_there_are_and_publish_ports_as_they_are() -> None:
    text = "\n".join(read_snippets("sh")).replace("\\\n", " ")
    lines = [shlex.split(line) for line in text.splitlines() if re.match(r"(docker|podman) run", line)]
    assert len(lines) == 3
    for words in lines:
        options = list(pairwise(words))
        check_environment(
            {name: value for flag, each in options if flag == "-e" for name, _, value in [each.partition("=")]}
            | {"CALLROUTER_MAILBOX__ADVERTISED_HOST": "um.example.test"}
        )
        published = [each.split(":")[-2:] for flag, each in options if flag == "-p"]
        assert {"5060-5063", "5065-5068"} <= {outside for outside, _ in published}
        assert all(outside == inside for outside, inside in published)


def test_page_has_every_variable_of_commands() -> None:
    used = set(re.findall(r"CALLROUTER_[A-Z]+(?![A-Z_])", PAGE.read_text("utf-8"))) - {"CALLROUTER_GROUP"}
    assert used <= OF_COMMANDS
