from tests.architecture.house import ROOT, list_python_files

MOST_LINES = 400


def test_no_file_is_longer_than_a_file_may_be() -> None:
    lengths = {
        str(path): len((ROOT / path).read_text("utf-8").splitlines())
        for path in list_python_files("src", "tests", "bench", "fuzz", "docs")
    }
    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}
