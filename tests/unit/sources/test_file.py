from pathlib import Path

import pytest

from callrouter.sources.document import DirectoryDocument, DirectoryError, GatewayEntry
from callrouter.sources.file import load_directory, load_directory_file


def write(folder: Path, text: str) -> Path:
    file = folder / "directory.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_load_directory_file_gives_the_document(tmp_path: Path) -> None:
    file = write(tmp_path, '[[gateways]]\nname = "a"\naddress = "::1"\n')
    assert load_directory_file(file) == DirectoryDocument(gateways=(GatewayEntry(name="a", address="::1"),))


def test_load_directory_file_reports_every_problem_with_line_and_key(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '[[gateways]]\nname = "a"\naddress = "::1"\n'
        '[[gateways]]\nname = "b"\naddress = "10.1.0.0/8"\n'
        '[[servers]]\nname = "m"\nfqdn = "*.x"\nwieght = 2\n',
    )
    with pytest.raises(DirectoryError) as caught:
        load_directory_file(file)
    assert caught.value.problems == (
        f"{file}:6: gateways[1].address: '10.1.0.0/8' has host bits set; the network is 10.0.0.0/8",
        f"{file}:9: servers[0].fqdn: wildcards are not allowed; give the whole host name",
        f"{file}:10: servers[0].wieght: unknown key; did you mean weight?",
    )


def test_load_directory_file_with_syntax_error_says_line_and_column(tmp_path: Path) -> None:
    file = write(tmp_path, '[[gateways]]\nname = "a"\naddress = \n')
    with pytest.raises(DirectoryError) as caught:
        load_directory_file(file)
    assert caught.value.problems == (f"{file}:3: Invalid value (column 11)",)


def test_load_directory_file_absent_says_so(tmp_path: Path) -> None:
    file = tmp_path / "absent.toml"
    with pytest.raises(DirectoryError) as caught:
        load_directory_file(file)
    assert caught.value.problems == (f"{file}: cannot be read: No such file or directory",)


def test_load_directory_reports_repeated_addresses_with_their_line(tmp_path: Path) -> None:
    file = write(tmp_path, 'gateways = [\n  {name="a", address="::1"},\n  {name="b", address="::1"},\n]\n')
    with pytest.raises(DirectoryError, match=r"directory\.toml:1: gateways\[1\]\.address: .*event 1175"):
        load_directory(file, port_offset=0)


def test_load_directory_moves_the_ports(tmp_path: Path) -> None:
    file = write(tmp_path, '[[servers]]\nname = "m"\n')
    assert load_directory(file, port_offset=7).servers[0].tcp_port == 5069


def test_load_directory_reports_problems_of_every_table_with_line_and_key(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '[[dial_plans]]\nname = "Sales"\n\n'
        '[[users]]\nname = "u"\num_dial_plan = "Sale"\nextensions = ["12345"]\n'
        '[[users]]\nname = "v"\num_dial_plan = "sales"\nextensions = [\n  "12345",\n  "1",\n]\n'
        '[[databases]]\nname = "DB"\nactive = "MBX1"\n',
    )
    with pytest.raises(DirectoryError) as caught:
        load_directory(file, port_offset=0)
    assert caught.value.problems == (
        f"{file}:6: users[0].um_dial_plan: there is no dial plan 'Sale'; did you mean Sales?",
        f"{file}:11: users[1].extensions[1]: '1' has not 5 digits, as the dial plan 'Sales' needs",
        f"{file}:17: databases[0].active: there is no server 'MBX1'",
    )
