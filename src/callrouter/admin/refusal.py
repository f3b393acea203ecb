"""How the API says no: every refusal is a `Problems`, whoever refuses, and every one is in the OpenAPI document.

What is wrong is named as the client wrote it: dotted, as `[3].address`. Who refuses raises `HTTPException`, whose
detail is one line or several, or lets a `ControlError` pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeAlias

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from callrouter.admin.control import ControlError
from callrouter.admin.models import Problems
from callrouter.sources.problem import Problem, format_key

Responses: TypeAlias = dict[int | str, dict[str, Any]]
"""Answers of an operation, as FastAPI takes them."""

_JSON_WORDS = MappingProxyType(
    {
        "tuple_type": "Input should be a list",
        "model_type": "Input should be an object",
        "model_attributes_type": "Input should be an object",
        "missing": "is required",
        "extra_forbidden": "unknown key",
    }
)
"""What pydantic says in Python's words, by its error type."""


def describe_refusal(status: HTTPStatus, description: str) -> Responses:
    """The entry of a refusal in the OpenAPI document."""
    return {status.value: {"model": Problems, "description": description}}


UNPROCESSABLE = describe_refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "What was asked for is wrong; nothing was changed")
UNREADABLE_BODY = (
    describe_refusal(HTTPStatus.BAD_REQUEST, "The body cannot be read")
    | describe_refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long")
    | UNPROCESSABLE
)
"""What any operation with a body may answer."""


def build_refusal(status: int, problems: Iterable[str], headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says no."""
    body = Problems(problems=tuple(problems)).model_dump_json()
    return Response(body, status, headers, media_type="application/json")


def describe_errors(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Turn pydantic's errors, whose paths begin in the body, into lines."""
    return [_describe(error, tuple(error["loc"])) for error in errors]


def handle_refusals(api: FastAPI) -> None:
    """See to it that whatever is refused inside the application is told in one form."""
    api.add_exception_handler(HTTPException, _tell_http_error)
    api.add_exception_handler(RequestValidationError, _tell_invalid_request)
    api.add_exception_handler(ControlError, _tell_control_error)


async def _tell_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    detail: object = error.detail
    problems = detail if isinstance(detail, list | tuple) else (str(detail),)
    return build_refusal(error.status_code, problems, error.headers)


async def _tell_invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    # The first part of a place is where the value came from: body, query, path.
    problems = [_describe(each, tuple(each["loc"][1:])) for each in error.errors()]
    return build_refusal(HTTPStatus.UNPROCESSABLE_ENTITY, problems)


async def _tell_control_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ControlError)  # noqa: S101 - registered for nothing else
    return build_refusal(HTTPStatus.UNPROCESSABLE_ENTITY, error.problems)


def _describe(error: Mapping[str, Any], path: tuple[str | int, ...]) -> str:
    kind = error["type"]
    if kind == "json_invalid":
        return f"the body is not JSON: {error['ctx']['error']} (character {path[-1] if path else 0})"
    message = str(error["ctx"]["error"]) if kind == "value_error" else _JSON_WORDS.get(kind, error["msg"])
    return str(Problem("", format_key(path) or "the body", message))
