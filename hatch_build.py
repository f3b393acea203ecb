"""Builds the scanner of `callrouter.sip` in C into the wheel, where the build hooks are on (HATCH_BUILD_HOOKS_ENABLE).

Beside the hook of mypyc, which compiles what is Python. Needs a C compiler; without the hook the wheel is pure Python
and does the same.
"""

import shutil
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

MODULE = "callrouter.sip._scan"
SOURCE = Path("src/callrouter/sip/_scan.c")


class ScannerBuildHook(BuildHookInterface[Any]):
    """Compiles one file and puts the module beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        extension = Extension(MODULE, [str(Path(self.root) / SOURCE)], extra_compile_args=["-O3"])
        command = Distribution({"name": "callrouter", "ext_modules": [extension]}).get_command_obj("build_ext")
        folder = Path(self.directory) / "scanner"
        command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
        command.ensure_finalized()
        command.run()
        [built] = (folder / "lib").rglob(f"_scan*{sysconfig.get_config_var('EXT_SUFFIX')}")
        kept = folder / built.name
        shutil.move(built, kept)
        build_data["force_include"][str(kept)] = f"callrouter/sip/{built.name}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
