"""The settings that `callrouter lab` starts with; the same text as config/lab.toml, shipped inside the package."""

from importlib.resources import files


def lab_toml() -> str:
    """Return the lab's TOML text."""
    return files("callrouter.settings").joinpath("lab.toml").read_text(encoding="utf-8")
