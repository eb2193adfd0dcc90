"""Compiles the optional inner loop of the pickle machine when a wheel is built.

Where there is no C compiler the wheel is built without it and says so: the Python loop does the same work.
`python hatch_build.py` compiles it for that Python beside its source, where the tests of a checkout find it.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ImportError:  # not in a build: run as a program
        BuildHookInterface = object

SOURCE = Path("src/modelguard/picklevm/_fast.c")


def compile_loop(root: Path) -> Path:
    """Compile the loop beside its source and return where it is.

    Raises `OSError` when there is no compiler, `subprocess.CalledProcessError` when it fails.
    """
    made = root / SOURCE.with_name("_fast" + sysconfig.get_config_var("EXT_SUFFIX"))
    compiler = (sysconfig.get_config_var("CC") or "cc").split()
    command = [
        *compiler,
        "-O2",
        "-shared",
        "-fPIC",
        f"-I{sysconfig.get_paths()['include']}",
        str(SOURCE),  # relative: the name ends up in the symbols, and builds elsewhere are to be identical
        "-o",
        str(made.relative_to(root)),
    ]
    if os.uname().sysname == "Darwin":
        command[command.index("-shared") : command.index("-fPIC")] = ["-bundle", "-undefined", "dynamic_lookup"]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)  # noqa: S603  # fixed words and paths
    return made


class CompiledLoop(BuildHookInterface):
    """Adds `modelguard.picklevm._fast` to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or os.environ.get("MODELGUARD_PURE"):
            return
        try:
            made = compile_loop(Path(self.root))
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"built without the compiled pickle loop: {getattr(error, 'stderr', '') or error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version == "standard":
            build_data["force_include"][str(made)] = f"modelguard/picklevm/{made.name}"


if __name__ == "__main__":
    compile_loop(Path(__file__).resolve().parent)
