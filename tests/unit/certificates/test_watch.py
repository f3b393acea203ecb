"""Watched files: a change of content is told once, whatever way it came; anything else is passed over."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from callrouter.certificates.watch import watch_files

PATIENCE_SECONDS = 10.0


def put(file: Path, octets: bytes) -> None:
    file.write_bytes(octets)


def take_away(file: Path) -> None:
    file.unlink()


class Watched:
    """Changes as they are told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[None] = asyncio.Queue()

    async def follow(self, files: list[Path], stop: asyncio.Event) -> None:
        async for change in watch_files(files, stop):
            self.told.put_nowait(change)

    async def wait(self) -> None:
        await asyncio.wait_for(self.told.get(), PATIENCE_SECONDS)


@asynccontextmanager
async def watching(*files: Path) -> AsyncIterator[Watched]:
    watched, stop = Watched(), asyncio.Event()
    task = asyncio.create_task(watched.follow(list(files), stop))
    try:
        # A change is seen from when the folders are watched on: the first one is made until it is told.
        probe = files[0].read_bytes()
        await make_known(watched, files[0])
        put(files[0], probe)
        await watched.wait()
        yield watched
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


async def make_known(watched: Watched, file: Path) -> None:
    number = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            number += 1
            put(file, b"probe %d" % number)
            try:
                await asyncio.wait_for(watched.told.get(), 1.0)
            except TimeoutError:
                continue
            return


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "router.pem"
    made.write_bytes(b"first")
    return made


async def test_new_content_is_told(file: Path) -> None:
    async with watching(file) as watched:
        put(file, b"second")
        await watched.wait()


async def test_file_that_is_renamed_over_the_old_one_is_told(file: Path) -> None:
    async with watching(file) as watched:
        beside = file.with_name("new.pem")
        beside.write_bytes(b"renamed")
        beside.replace(file)
        await watched.wait()


async def test_file_that_goes_and_comes_back_is_told(file: Path) -> None:
    async with watching(file) as watched:
        take_away(file)
        await watched.wait()
        put(file, b"back")
        await watched.wait()


async def test_touch_and_other_files_of_the_folder_are_passed_over(file: Path) -> None:
    async with watching(file) as watched:
        os.utime(file)
        put(file.with_name("other.pem"), b"other")
        # The change that counts comes after those that do not; were these told, there would be more than one.
        put(file, b"second")
        await watched.wait()
        assert watched.told.empty()


async def test_watch_of_a_folder_that_is_swapped_by_a_symbolic_link_is_told(tmp_path: Path) -> None:
    # As a volume of Kubernetes does it: router.pem -> ..data/router.pem, and ..data is swapped.
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "router.pem").write_text(name, "ascii")
    data = tmp_path / "..data"
    data.symlink_to("one")
    file = tmp_path / "router.pem"
    file.symlink_to("..data/router.pem")
    other = tmp_path / "other.pem"
    other.write_bytes(b"other")
    async with watching(other, file) as watched:
        beside = tmp_path / "..data.new"
        beside.symlink_to("two")
        beside.replace(data)
        await watched.wait()


async def test_watch_ends_when_it_is_told_to(file: Path) -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [change async for change in watch_files([file], stop)] == []
