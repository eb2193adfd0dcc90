"""Machine code and bytecode: shared libraries, executables, object files, WebAssembly, class files, compiled Python.

Recognised by their first bytes alone, under any name. A library beside a model is loaded by code that asks for custom
operators, by kernels, or by whoever imports a module of its name; an executable by whoever starts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import frozen

from modelguard.formats.format import Clue, Format, Walk
from modelguard.terms.content import Content
from modelguard.terms.errors import ReadError
from modelguard.terms.facts import Asks, Fact, Header, Permission

_HEAD = 64


@frozen(kw_only=True)
class Kind:
    """One kind of program: its name, how it begins, a closer look, and what running it takes."""

    name: str
    begins: re.Pattern[bytes]
    detail: str
    fits: Callable[[Content, bytes], bool] = lambda _content, _head: True
    permission: Permission = "native-code"
    hazard: str = "native-code"


def _portable_executable(content: Content, head: bytes) -> bool:
    """Follow e_lfanew to the PE signature; DOS programs have none but a header that fits (Microsoft PE format)."""
    if len(head) < _HEAD:
        return False
    offset = int.from_bytes(head[60:64], "little")
    if offset + 4 <= content.size and content.read(offset, 4)[:2] in (b"PE", b"NE", b"LE", b"LX"):
        return True
    return int.from_bytes(head[8:10], "little") in range(2, 64) and int.from_bytes(head[2:4], "little") < 512


def _class_file(_content: Content, head: bytes) -> bool:
    # The same four bytes begin a Mach-O file for several machines; a class file has its version in bytes 6 and 7.
    return 45 <= int.from_bytes(head[6:8], "big") < 128


def _named_pyc(content: Content, _head: bytes) -> bool:
    return content.name.lower().endswith((".pyc", ".pyo"))


KINDS = (
    Kind(name="ELF", begins=re.compile(rb"\x7fELF[\x01\x02][\x01\x02]", re.S), detail="a program or library for Linux"),
    Kind(
        name="PE",
        begins=re.compile(rb"MZ", re.S),
        detail="a program or library for Windows",
        fits=_portable_executable,
    ),
    Kind(
        name="Mach-O",
        begins=re.compile(rb"\xcf\xfa\xed\xfe|\xce\xfa\xed\xfe|\xfe\xed\xfa[\xce\xcf]|\xbe\xba\xfe\xca", re.S),
        detail="a program or library for macOS",
    ),
    Kind(
        name="Java class",
        begins=re.compile(rb"\xca\xfe\xba\xbe.{4}", re.S),
        detail="a program for the Java machine",
        fits=_class_file,
    ),
    Kind(
        name="Mach-O for several machines",
        begins=re.compile(rb"\xca\xfe\xba[\xbe\xbf]\x00\x00\x00[\x01-\x2c]", re.S),
        detail="a program or library for macOS",
    ),
    Kind(name="WebAssembly", begins=re.compile(rb"\x00asm[\x01\x0d]\x00", re.S), detail="a program for WebAssembly"),
    Kind(name="Dalvik", begins=re.compile(rb"dex\n0\d\d\x00", re.S), detail="a program for Android"),
    Kind(name="static library", begins=re.compile(rb"!<(?:arch|thin)>\n", re.S), detail="object code to be linked"),
    Kind(name="LLVM bitcode", begins=re.compile(rb"BC\xc0\xde|\xde\xc0\x17\x0b", re.S), detail="code of a compiler"),
    Kind(name="llamafile", begins=re.compile(rb"MZqFpD='", re.S), detail="a program that is a model as well"),
    Kind(
        name="compiled Python",
        begins=re.compile(rb".{2}\r\n", re.S),
        detail="bytecode that Python runs when it is imported; what it does is not read",
        fits=_named_pyc,
        permission="remote-code",
        hazard="bytecode",
    ),
)


def _kind_of(content: Content) -> Kind | None:
    head = content.head(_HEAD)
    return next((kind for kind in KINDS if kind.begins.match(head) and kind.fits(content, head)), None)


def accepts(content: Content) -> bool:
    """Tell by the first bytes; compiled Python, whose first bytes change with each version, by its name as well."""
    return _kind_of(content) is not None


def read(content: Content, _walk: Walk) -> Iterable[Fact]:
    """Say what kind of program this is, and ask for it."""
    kind = _kind_of(content)
    if kind is None:
        raise ReadError("begins like no kind of program")
    location = content.location
    yield Header(location=location, format="native", properties={"kind": kind.name})
    yield Asks(
        location=location,
        permission=kind.permission,
        name=str(location),
        detail=f"{kind.name}: {kind.detail}",
        hazard=kind.hazard,
    )


FORMAT = Format(
    name="native",
    title="Machine code",
    reads="The first bytes of ELF, PE, Mach-O, WebAssembly, class and dex files, static libraries, bytecode.",
    looks_for="That it is there at all: what machine code does is not read.",
    clue=Clue(first=b"\x7fM\xcf\xce\xfe\xbe\xca\0d!B\xde", endings=(".pyc", ".pyo")),
    accepts=accepts,
    read=read,
    endings=(".so", ".dll", ".dylib", ".pyd", ".exe", ".wasm", ".class", ".dex", ".pyc"),
)
