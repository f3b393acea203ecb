"""/api/v1/NOUN for every list of the directory: gateways, servers, dial plans and so on, all served alike.

The nouns, their shapes and their descriptions are the lists of `DirectoryDocument`. Every change makes a new document
and hands it to the control, which takes it whole or refuses it; what entries say together is checked there. Names are
compared without regard to case, as Exchange does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias, get_args

from fastapi import APIRouter, Body, HTTPException, Path, Query, Response
from pydantic import BaseModel, Field, ValidationError, create_model

from callrouter.admin.control import Control
from callrouter.admin.models import Replaced
from callrouter.admin.refusal import UNPROCESSABLE, UNREADABLE_BODY, describe_errors, describe_refusal
from callrouter.admin.shapes import derive_changes
from callrouter.sources.document import DirectoryDocument

DEFAULT_ENTRIES = 1000
MAX_ENTRIES = 10_000
"""The most entries in one response."""

Entry: TypeAlias = Any
"""An entry model of `sources.document`: a frozen pydantic model with a name."""

Name: TypeAlias = Annotated[str, Path(description="The entry's name; case makes no difference")]

_NOT_FOUND = describe_refusal(HTTPStatus.NOT_FOUND, "No entry has this name")


@dataclass(frozen=True, slots=True)
class Noun:
    """A list of the directory.

    attribute: its name in `DirectoryDocument`, as `hunt_groups`.
    """

    attribute: str
    entry: type[BaseModel]
    description: str

    @property
    def path(self) -> str:
        """As it is written in a URL."""
        return self.attribute.replace("_", "-")

    @property
    def singular(self) -> str:
        """One of them."""
        return self.attribute.removesuffix("s")

    @property
    def title(self) -> str:
        """As part of the name of a model."""
        return self.attribute.title().replace("_", "")


def list_nouns() -> list[Noun]:
    """Name all lists of the directory."""
    return [
        Noun(attribute, get_args(field.annotation)[0], field.description or attribute)
        for attribute, field in DirectoryDocument.model_fields.items()
    ]


class EntryList:
    """One list of the directory that is in force.

    Remembers where each name stands for as long as the list is the same one: of 100,000 users one is found at once,
    and a change copies one tuple.
    """

    def __init__(self, control: Control, noun: Noun) -> None:
        self._control = control
        self._noun = noun
        self._indexed: tuple[Entry, ...] = ()
        self._places: dict[str, int] = {}

    def read(self) -> tuple[Entry, ...]:
        """All entries, in the order of the document."""
        entries: tuple[Entry, ...] = getattr(self._control.document(), self._noun.attribute)
        return entries

    def find(self, name: str) -> Entry | None:
        """The entry of this name, or None."""
        place = self._find_place(name)
        return None if place is None else self._indexed[place]

    def get(self, name: str) -> Entry:
        """The entry of this name.

        Raises:
            HTTPException: there is none; 404.
        """
        entry = self.find(name)
        if entry is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no {self._noun.singular} has the name {name!r}")
        return entry

    def put(self, entry: Entry) -> bool:
        """Add the entry, or let it take the place of the one of its name. Returns whether it was added.

        Raises:
            ControlError: the directory would not be consistent.
        """
        place = self._find_place(entry.name)
        entries = list(self._indexed)
        if place is None:
            entries.append(entry)
        else:
            entries[place] = entry
        self.replace(entries)
        return place is None

    def remove(self, name: str) -> None:
        """Take the entry of this name, which is there, away.

        Raises:
            ControlError: something refers to it.
        """
        removed = self.get(name)
        self.replace([entry for entry in self._indexed if entry is not removed])

    def replace(self, entries: list[Entry]) -> None:
        """Take another list.

        Raises:
            ControlError: the directory would not be consistent.
        """
        # A copy whose entries have been checked one by one; checking all of them again would take seconds.
        self._control.replace_document(
            self._control.document().model_copy(update={self._noun.attribute: tuple(entries)})
        )

    def _find_place(self, name: str) -> int | None:
        entries = self.read()
        if entries is not self._indexed:
            self._places = {entry.name.casefold(): place for place, entry in enumerate(entries)}
            self._indexed = entries
        return self._places.get(name.casefold())


@dataclass(frozen=True, slots=True)
class Annex:
    """Something that a list shows beside its entries, which nobody can write.

    name: its key. shape: its type. read: gives its value.
    """

    name: str
    shape: Any
    description: str
    read: Callable[[], object]


def entries_router(noun: Noun, control: Control, annex: Annex | None = None) -> APIRouter:
    """Everything that can be done with one list."""
    router = APIRouter(prefix=f"/api/v1/{noun.path}", tags=[noun.path])
    entries = EntryList(control, noun)
    _add_list(router, noun, entries, annex)
    _add_reading_and_removal(router, noun, entries)
    _add_changes(router, noun, entries)
    return router


def _add_list(router: APIRouter, noun: Noun, entries: EntryList, annex: Annex | None) -> None:
    page = _build_page(noun, annex)
    entry_model = noun.entry

    @router.get("", name=f"list_{noun.attribute}", summary=noun.description, responses=UNPROCESSABLE)
    async def read_list(
        limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES, description="At most so many")] = DEFAULT_ENTRIES,
        offset: Annotated[int, Query(ge=0, description="Leave out so many from the beginning")] = 0,
    ) -> page:  # type: ignore[valid-type]  # a model of this noun
        found = entries.read()
        shown = {noun.attribute: found[offset : offset + limit], "total": len(found)}
        if annex is not None:
            shown[annex.name] = annex.read()
        return page(**shown)

    @router.put("", name=f"replace_{noun.attribute}", summary="Replace the whole list", responses=UNREADABLE_BODY)
    async def replace_list(
        body: Annotated[list[entry_model], Body(description="The list that takes its place")],  # type: ignore[valid-type]  # a model of this noun
    ) -> Replaced:
        entries.replace(body)
        return Replaced(total=len(body))


def _add_reading_and_removal(router: APIRouter, noun: Noun, entries: EntryList) -> None:
    entry_model = noun.entry

    @router.get(
        "/{name:path}",
        name=f"get_{noun.singular}",
        summary="One entry",
        response_model=entry_model,
        responses=_NOT_FOUND | UNPROCESSABLE,
    )
    async def read_entry(name: Name) -> Entry:
        return entries.get(name)

    @router.delete(
        "/{name:path}",
        name=f"delete_{noun.singular}",
        summary="Remove an entry that nothing refers to",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_NOT_FOUND | UNPROCESSABLE,
    )
    async def remove_entry(name: Name) -> None:
        entries.remove(name)


def _add_changes(router: APIRouter, noun: Noun, entries: EntryList) -> None:
    entry_model = noun.entry
    changes_model = derive_changes(f"{entry_model.__name__}Changes", entry_model)

    @router.put(
        "/{name:path}",
        name=f"put_{noun.singular}",
        summary="Create an entry, or replace it",
        response_model=entry_model,
        responses=UNREADABLE_BODY | {HTTPStatus.CREATED.value: {"model": entry_model, "description": "Created"}},
    )
    async def put_entry(
        name: Name,
        body: entry_model,  # type: ignore[valid-type]  # a model of this noun
        response: Response,
    ) -> Entry:
        _require_name(name, body)
        if entries.put(body):
            response.status_code = HTTPStatus.CREATED
        return body

    @router.patch(
        "/{name:path}",
        name=f"patch_{noun.singular}",
        summary="Change some fields of an entry",
        response_model=entry_model,
        responses=_NOT_FOUND | UNREADABLE_BODY,
    )
    async def patch_entry(
        name: Name,
        body: changes_model,  # type: ignore[valid-type]  # a model of this noun
    ) -> Entry:
        changed = _change(entries.get(name), body)
        _require_name(name, changed)
        entries.put(changed)
        return changed


def _build_page(noun: Noun, annex: Annex | None) -> type[BaseModel]:
    """The model of a list in a response: the entries under their noun, and how many there are in all."""
    fields: dict[str, Any] = {
        noun.attribute: (tuple[noun.entry, ...], Field(description=noun.description)),  # type: ignore[name-defined]  # a model of this noun
        "total": (int, Field(ge=0, description="How many there are, shown or not.")),
    }
    if annex is not None:
        fields[annex.name] = (annex.shape, Field(description=annex.description))
    return create_model(noun.title, **fields)


def _change(entry: Entry, changes: BaseModel) -> Entry:
    """The entry with the fields that `changes` was given.

    Raises:
        HTTPException: they do not fit together; 422.
    """
    try:
        return type(entry).model_validate(entry.model_dump() | changes.model_dump(exclude_unset=True))
    except ValidationError as error:
        problems = describe_errors(error.errors(include_url=False, include_input=False))
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, problems) from error


def _require_name(name: str, entry: Entry) -> None:
    if entry.name.casefold() != name.casefold():
        problem = f"name: is {entry.name!r}, but the path names {name!r}"
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, problem)
