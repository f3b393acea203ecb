"""The names of settings: groups and fields, and how the environment spells them. Values are not looked at."""

from callrouter.settings.model import Settings
from callrouter.sources.record import Record

ENVIRONMENT_PREFIX = "CALLROUTER_"
LEVEL_DELIMITER = "__"


def list_groups() -> dict[str, type[Record]]:
    """Map every group's name to its model, in the order of the reference."""
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Record)
    }


def list_keys() -> list[str]:
    """Name every setting as `group.field`."""
    return [f"{group}.{field}" for group, model in list_groups().items() for field in model.model_fields]


def name_variable(group: str, field: str) -> str:
    """Name the environment variable of a setting."""
    return f"{ENVIRONMENT_PREFIX}{group}{LEVEL_DELIMITER}{field}".upper()
