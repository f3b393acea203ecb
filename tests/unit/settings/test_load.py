from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.settings.keys import list_keys, name_variable
from callrouter.settings.load import LoadedSettings, Problem, SettingsError, load_settings, trace_settings
from callrouter.settings.model import Settings
from callrouter.settings.redirect import RejectionSettings
from callrouter.sources.document import GatewayEntry

LAB = ""
"""An embedded text with nothing in it: the defaults, with TLS files to be filled in."""


def load(
    config_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    embedded: str | None = LAB,
) -> LoadedSettings:
    return trace_settings(config_file, environ=environ or {}, overrides=overrides, embedded=embedded)


def fail(*arguments: Any, **options: Any) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        load(*arguments, **options)
    return caught.value.problems


def attempt(**options: Any) -> LoadedSettings | SettingsError:
    try:
        return load(**options)
    except SettingsError as error:
        return error


def write(folder: Path, text: str) -> Path:
    file = folder / "callrouter.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_load_settings_from_nothing_is_the_defaults() -> None:
    loaded = load()
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_load_settings_later_sources_win_and_are_remembered(tmp_path: Path) -> None:
    file = write(tmp_path, "[admin]\nport = 1\n[journal]\nmax_calls = 1\n[redirect]\ndelay_seconds = 1\n")
    environ = {"CALLROUTER_ADMIN__PORT": "2", "CALLROUTER_JOURNAL__MAX_CALLS": "2", "PATH": "/bin"}
    loaded = load(file, environ, ["admin.port=3", "admin.port=4"])
    settings = loaded.settings
    assert (settings.admin.port, settings.journal.max_calls, settings.redirect.delay_seconds) == (4, 2, 1.0)
    assert loaded.origins["admin.port"] == "--set"
    assert loaded.origins["journal.max_calls"] == "environment CALLROUTER_JOURNAL__MAX_CALLS"
    assert loaded.origins["redirect.delay_seconds"] == f"{file}:6"
    assert loaded.origins["admin.enabled"] == "default"


def test_load_settings_sources_meet_inside_one_group(tmp_path: Path) -> None:
    file = write(tmp_path, "[log]\ncalls = false\n")
    log = load_settings(
        file, environ={"CALLROUTER_LOG__LEVEL": "debug"}, overrides=["log.format=json"], embedded=LAB
    ).log
    assert (log.calls, log.level, log.format) == (False, "debug", "json")


def test_load_settings_takes_lists_from_every_source(tmp_path: Path) -> None:
    expected = (GatewayEntry(name="a", address="::1"),)
    file = write(tmp_path, '[[directory.gateways]]\nname = "a"\naddress = "::1"\n')
    environ = {"CALLROUTER_DIRECTORY__GATEWAYS": '[{"name": "a", "address": "::1"}]'}
    overrides = ['directory.gateways=[{name = "a", address = "::1"}]']
    assert load(file).settings.directory.gateways == expected
    assert load(environ=environ).settings.directory.gateways == expected
    assert load(overrides=overrides).settings.directory.gateways == expected


def test_load_settings_takes_tables_of_reasons_and_headers_from_every_source(tmp_path: Path) -> None:
    reasons = {"no-such-number": RejectionSettings(status=480)}
    file = write(tmp_path, "[redirect.reasons.no-such-number]\nstatus = 480\n[redirect.extra_headers]\nX-Lab = 'a'\n")
    environ = {
        "CALLROUTER_REDIRECT__REASONS": '{"no-such-number": {"status": 480}}',
        "CALLROUTER_REDIRECT__EXTRA_HEADERS": '{"X-Lab": "a"}',
    }
    overrides = ["redirect.reasons={no-such-number = {status = 480}}", "redirect.extra_headers={X-Lab = 'a'}"]
    for loaded in (load(file), load(environ=environ), load(overrides=overrides)):
        assert loaded.settings.redirect.effective_reasons == reasons
        assert loaded.settings.redirect.extra_headers == {"X-Lab": "a"}
    assert load(file).origins["redirect.reasons"] == f"{file}:1"


def test_load_settings_reports_what_is_wrong_with_reasons_and_headers_by_their_keys(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "[redirect.reasons.no-such-numbr]\nstatus = 480\n[redirect.reasons.draining]\nsttaus = 480\nwarning = 'x'\n"
        "retry_after_seconds = -1\n[redirect.reasons.inactive]\nms_diagnostics_text = 'x'\n",
    )
    environ = {"CALLROUTER_REDIRECT__EXTRA_HEADERS": '{"Via": "x", "X-Lab": "a\\nb"}'}
    assert [str(problem) for problem in fail(file, environ)] == [
        f"{file}:6: redirect.reasons.draining.retry_after_seconds: Input should be greater than or equal to 0",
        f"{file}:4: redirect.reasons.draining.sttaus: unknown key; did you mean status?",
        f"{file}:1: redirect.reasons.no-such-numbr: unknown key; did you mean no-such-number?",
        "environment CALLROUTER_REDIRECT__EXTRA_HEADERS: redirect.extra_headers.Via: is written by the router itself",
        (
            "environment CALLROUTER_REDIRECT__EXTRA_HEADERS: redirect.extra_headers.X-Lab: "
            "must be printable text, without line ends and control characters"
        ),
    ]


def test_load_settings_conflict_inside_the_table_of_reasons_has_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, "[redirect.reasons.inactive]\nstatus = 480\nms_diagnostics_text = 'x'\n")
    (problem,) = fail(file)
    assert (problem.where, problem.key) == (f"{file}:3", "redirect.reasons.inactive.ms_diagnostics_text")


def test_load_settings_admin_port_for_others_needs_a_token_from_any_source() -> None:
    (problem,) = fail(overrides=["admin.bind_address=0.0.0.0"])
    assert str(problem) == (
        "--set: admin.bind_address: 0.0.0.0 can be reached from other machines, so that admin.token or "
        "admin.token_file must be set"
    )
    environ = {"CALLROUTER_ADMIN__TOKEN": "s3cret", "CALLROUTER_ADMIN__BIND_ADDRESS": "0.0.0.0"}
    assert load(environ=environ).settings.admin.token == environ["CALLROUTER_ADMIN__TOKEN"]


def test_load_settings_problem_with_the_token_does_not_show_it() -> None:
    (problem,) = fail(environ={"CALLROUTER_ADMIN__TOKEN": "pass word"})
    assert problem.key == "admin.token"
    assert "pass" not in str(problem)


def test_load_settings_reports_all_problems_of_all_sources_at_once(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "[router]\nsip_tcp_listening_port = 65536\nsip_tls_port = 1\n[[directory.gateways]]\n"
        'name = "a"\naddress = "10.1.0.0/8"\n',
    )
    environ = {"CALLROUTER_ADMIN__PORT": "many", "CALLROUTER_LOG__LEVL": "info"}
    problems = fail(file, environ, ["journal.max_calls=-1", "nonsense"])
    assert [str(problem) for problem in problems] == [
        f"{file}:2: router.sip_tcp_listening_port: Input should be less than or equal to 65535",
        f"{file}:3: router.sip_tls_port: unknown setting; did you mean router.sip_tls_listening_port?",
        f"{file}:6: directory.gateways[0].address: '10.1.0.0/8' has host bits set; the network is 10.0.0.0/8",
        (
            "environment CALLROUTER_ADMIN__PORT: admin.port: Input should be a valid integer, "
            "unable to parse string as an integer"
        ),
        "environment CALLROUTER_LOG__LEVL: log.levl: unknown setting; did you mean CALLROUTER_LOG__LEVEL?",
        "--set: journal.max_calls: Input should be greater than or equal to 0",
        "--set: nonsense: must have the form group.key=value",
    ]


def test_settings_error_text_has_one_line_for_each_problem() -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ={"CALLROUTER_A__B\nC": "1"}, overrides=["x\ny"])
    assert len(str(caught.value).splitlines()) == len(caught.value.problems) == 2


def test_load_settings_reports_a_wrong_value_that_another_source_overrides(tmp_path: Path) -> None:
    file = write(tmp_path, "[admin]\nport = -1\n")
    assert [problem.where for problem in fail(file, overrides=["admin.port=1"])] == [f"{file}:2"]


def test_load_settings_with_syntax_error_says_line_and_still_reads_the_other_sources(tmp_path: Path) -> None:
    file = write(tmp_path, "[admin]\nport = \n")
    assert fail(file, {"CALLROUTER_ADMIN__PORT": "x"}, embedded=None)[0] == Problem(
        f"{file}:2", "", "Invalid value (column 8)"
    )
    assert len(fail(file, {"CALLROUTER_ADMIN__PORT": "x"}, embedded=None)) == 2


def test_load_settings_with_absent_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "absent.toml"
    assert fail(file) == (Problem(str(file), "", "cannot be read: No such file or directory"),)


def test_load_settings_with_broken_embedded_text_names_it() -> None:
    assert fail(embedded="[router")[0].where == "built-in lab.toml:1"
    assert fail(embedded="[admin]\nport = -1")[0].where == "built-in lab.toml:2"


def test_load_settings_embedded_text_is_used_only_without_a_file(tmp_path: Path) -> None:
    embedded = "[admin]\nport = 1\n[log]\nlevel = 'debug'\n"
    file = write(tmp_path, "[admin]\nport = 2\n")
    assert load(embedded=embedded).settings.admin.port == 1
    settings = load(file, embedded=embedded).settings
    assert (settings.admin.port, settings.log.level) == (2, "info")


def test_load_settings_paths_are_relative_to_their_file_or_to_the_working_directory(tmp_path: Path) -> None:
    file = write(tmp_path, "[tls]\ncertificate_file = 'a.pem'\nprivate_key_file = '/b.pem'\nca_file = 'c.pem'\n")
    tls = load(file, {"CALLROUTER_LOG__FILE": "x.log"}, ["tls.ca_file=d.pem"]).settings.tls
    assert tls.certificate_file == tmp_path / "a.pem"
    assert tls.private_key_file == Path("/b.pem")
    assert tls.ca_file == Path("d.pem")
    assert load(embedded="[log]\nfile = 'x.log'\n").settings.log.file == Path("x.log")


def test_load_settings_path_set_in_the_file_can_be_unset_by_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, "[log]\nfile = 'x.log'\n")
    assert load(file, {"CALLROUTER_LOG__FILE": ""}).settings.log.file is None


def test_load_settings_without_embedded_text_needs_tls_files(tmp_path: Path) -> None:
    (problem,) = fail(embedded=None)
    assert (problem.where, problem.key) == ("default", "tls.certificate_file")
    assert load(overrides=["router.um_startup_mode=TCP"], embedded=None).settings.tls.certificate_file is None
    file = write(tmp_path, "[tls]\ncertificate_file = 'a.pem'\nprivate_key_file = 'b.pem'\n")
    (problem,) = fail(file, embedded=None)
    assert (problem.where, problem.key) == (f"{file}:2", "tls.ca_file")
    (problem,) = fail(write(tmp_path, "[admin]\nport = 1\n"), embedded=None)
    assert problem.where == str(file)


def test_load_settings_conflict_is_told_where_its_key_was_set(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "[router]\nip_address_family = 'IPv6Only'\n[directory]\n[[directory.servers]]\nname = 'm'\n"
        "[[directory.servers]]\nname = 'm'\n",
    )
    problems = fail(file, {"CALLROUTER_ROUTER__BIND_ADDRESS": "127.0.0.1"})
    assert [(problem.where, problem.key) for problem in problems] == [
        ("environment CALLROUTER_ROUTER__BIND_ADDRESS", "router.bind_address"),
        (f"{file}:7", "directory.servers[1].name"),
    ]


def test_load_settings_conflict_of_a_wrong_value_is_not_told_twice() -> None:
    problems = fail(overrides=["tls.certificate_file=a\nb"], embedded=None)
    assert [problem.key for problem in problems] == ["tls.certificate_file"]


SCALARS = (
    st.text(max_size=20) | st.integers().map(str) | st.sampled_from(["", "true", "[]", "{}", "null", '[{"name":1}]'])
)


@given(st.dictionaries(st.sampled_from(list_keys()), st.tuples(st.booleans(), SCALARS), max_size=6))
def test_load_settings_of_any_text_loads_or_names_the_source(given_values: dict[str, tuple[bool, str]]) -> None:
    environ = {
        name_variable(*key.split(".")): text for key, (in_environment, text) in given_values.items() if in_environment
    }
    overrides = [f"{key}={text}" for key, (in_environment, text) in given_values.items() if not in_environment]
    where = {
        key: f"environment {name_variable(*key.split('.'))}" if in_environment else "--set"
        for key, (in_environment, _) in given_values.items()
    }
    outcome = attempt(environ=environ, overrides=overrides)
    if isinstance(outcome, SettingsError):
        assert outcome.problems
        assert {problem.where for problem in outcome.problems} <= set(where.values())
        assert len(str(outcome).splitlines()) == len(outcome.problems)
    else:
        assert outcome.origins == dict.fromkeys(list_keys(), "default") | where


@given(text=st.text(max_size=60) | st.text("[]router.=1\n'\"{} ", max_size=60))
def test_load_settings_of_any_toml_text_loads_or_names_the_text(text: str) -> None:
    outcome = attempt(embedded=text)
    if isinstance(outcome, SettingsError):
        assert all(problem.where.startswith("built-in lab.toml") for problem in outcome.problems)
    else:
        assert all(origin == "default" or origin.startswith("built-in") for origin in outcome.origins.values())


@given(name=st.text(max_size=20), text=st.text(max_size=20))
def test_load_settings_of_any_variable_with_our_prefix_loads_or_names_it(name: str, text: str) -> None:
    variable = f"CALLROUTER_{name}"
    outcome = attempt(environ={variable: text})
    if isinstance(outcome, SettingsError):
        assert {problem.where for problem in outcome.problems} == {f"environment {variable}"}
    else:
        assert "__" not in variable or f"environment {variable}" in outcome.origins.values()


@given(ports=st.lists(st.integers(0, 65_535) | st.none(), min_size=3, max_size=3))
def test_load_settings_port_comes_from_the_last_source_that_gives_one(ports: list[int | None]) -> None:
    in_text, in_environment, in_override = ports
    loaded = load(
        embedded="" if in_text is None else f"[admin]\nport = {in_text}",
        environ={} if in_environment is None else {"CALLROUTER_ADMIN__PORT": str(in_environment)},
        overrides=[] if in_override is None else [f"admin.port={in_override}"],
    )
    expected, origin = 8080, "default"
    for port, name in zip(ports, ["built-in lab.toml:2", "environment CALLROUTER_ADMIN__PORT", "--set"], strict=True):
        if port is not None:
            expected, origin = port, name
    assert (loaded.settings.admin.port, loaded.origins["admin.port"]) == (expected, origin)
