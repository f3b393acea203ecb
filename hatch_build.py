"""Builds scanner and writer of `callrouter.sip` in C into the wheel, where there is a C compiler.

Where there is none, the wheel is pure Python and does the same, with two thirds of the calls a second.
HATCH_BUILD_NO_HOOKS=true makes such a wheel anywhere; under HATCH_BUILD_HOOKS_ENABLE=true, which compiles the pure
layers too, a compiler must be there. An editable install runs the sources as they are.
"""

import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

PACKAGE = Path("callrouter/sip")
MODULES = ("_scan", "_write")


class OctetsBuildHook(BuildHookInterface[Any]):
    """Compiles one file for each module and puts the module beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        is_needed = os.environ.get("HATCH_BUILD_HOOKS_ENABLE", "") in {"true", "1"}
        extensions = [
            Extension(
                ".".join((*PACKAGE.parts, name)),
                [str(Path(self.root) / "src" / PACKAGE / f"{name}.c")],
                extra_compile_args=["-O3"],
                optional=not is_needed,  # what is optional only warns where it cannot be built
            )
            for name in MODULES
        ]
        command = Distribution({"name": "callrouter", "ext_modules": extensions}).get_command_obj("build_ext")
        folder = Path(self.directory) / "extensions"
        command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
        command.ensure_finalized()
        command.run()
        for built in (folder / "lib").rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"):
            kept = folder / built.name
            shutil.move(built, kept)
            build_data["force_include"][str(kept)] = (PACKAGE / built.name).as_posix()
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
