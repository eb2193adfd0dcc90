"""Compiles the optional parts in C when a wheel is built: the inner loop of the pickle machine and the audit hook.

Where there is no C compiler the wheel is built without them and says so: the same in Python does the same work.
`python hatch_build.py` compiles them for that Python beside their sources, where the tests of a checkout find them.
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

SOURCES = (Path("src/modelguard/picklevm/_fast.c"), Path("src/modelguard/auditing/_hook.c"))


def compile_part(root: Path, source: Path) -> Path:
    """Compile a part beside its source and return where it is.

    Raises `OSError` when there is no compiler, `subprocess.CalledProcessError` when it fails.
    """
    made = root / source.with_name(source.stem + sysconfig.get_config_var("EXT_SUFFIX"))
    compiler = (sysconfig.get_config_var("CC") or "cc").split()
    command = [
        *compiler,
        "-O2",
        "-shared",
        "-fPIC",
        f"-I{sysconfig.get_paths()['include']}",
        str(source),  # relative: the name ends up in the symbols, and builds elsewhere are to be identical
        "-o",
        str(made.relative_to(root)),
    ]
    if os.uname().sysname == "Darwin":
        command[command.index("-shared") : command.index("-fPIC")] = ["-bundle", "-undefined", "dynamic_lookup"]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)  # noqa: S603  # fixed words and paths
    return made


class CompiledParts(BuildHookInterface):
    """Adds what was compiled to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or os.environ.get("MODELGUARD_PURE"):
            return
        try:
            made = [compile_part(Path(self.root), source) for source in SOURCES]
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"built without the parts in C: {getattr(error, 'stderr', '') or error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version == "standard":
            for part in made:
                build_data["force_include"][str(part)] = str(part.relative_to(Path(self.root) / "src"))


if __name__ == "__main__":
    for part_of_it in SOURCES:
        compile_part(Path(__file__).resolve().parent, part_of_it)
