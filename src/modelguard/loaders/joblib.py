"""Loads joblib files with an unpickler that is restricted to the imports approved for the file.

joblib writes a pickle in which every numpy array stands as a `NumpyArrayWrapper` followed by the raw bytes of the
array, and may compress the whole. `joblib.load` takes no unpickler, and before 1.6 it reads arrays of objects with an
unrestricted one. So the stream is read here, by the layout that joblib writes since 0.10; its own code only detects
the compression and provides the class of the wrapper.

Files from before 0.10 (`ZF` header, or arrays in files beside) are refused: reading them opens other files with
`numpy.load(allow_pickle=True)`. Memory mapping is refused, because a mapped array would be read past the check.
"""

from __future__ import annotations

import io
import pickle
import sys
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import IO, Any, ClassVar

from modelguard.loaders import _restricted
from modelguard.loaders._entry import Forbidden, Formats, Package, loader, wrong_target
from modelguard.loaders._files import grant_for, one_of, the_file
from modelguard.loaders.loader import Handover
from modelguard.terms.artifact import printable
from modelguard.terms.errors import LoaderError

_FORBIDDEN = (
    Forbidden(
        option="mmap_mode",
        reason="arrays are read from the verified bytes, not mapped",
        when=lambda value: value is not None,
    ),
)
_CHUNK = 1 << 24
"""Bytes of an array that are read at a time: a length in the file is never trusted with more memory than that."""


class _ArrayUnpickler(_restricted.ExactUnpickler):
    """Reads the raw bytes that follow each array's wrapper."""

    dispatch: ClassVar[dict[int, Any]] = dict(_restricted.ExactUnpickler.dispatch)

    def __init__(self, grant: _restricted.Grant, file: IO[bytes], *, native: bool) -> None:
        super().__init__(file)
        self.grant = grant
        self.file = file
        self.native = native

    def load_build(self) -> None:
        super().load_build()  # type: ignore[misc]  # not in the stubs
        from joblib.numpy_pickle import NumpyArrayWrapper  # imports numpy
        from joblib.numpy_pickle_compat import NDArrayWrapper  # as above

        if isinstance(self.stack[-1], NDArrayWrapper):
            self.grant.refuse("joblib.numpy_pickle_compat.NDArrayWrapper", "opens another file without restriction")
        if isinstance(self.stack[-1], NumpyArrayWrapper):
            self.stack.append(self._array(self.stack.pop()))

    dispatch[pickle.BUILD[0]] = load_build

    def _array(self, wrapper: Any) -> Any:
        """Read what a wrapper stands for: its attributes are data of the file, so only plain ones are taken."""
        import numpy as np  # costs time: only a file that holds arrays needs it

        state = vars(wrapper)
        dtype, shape, order = state.get("dtype"), state.get("shape"), state.get("order")
        if not isinstance(dtype, np.dtype) or not _is_shape(shape) or order not in ("C", "F"):
            raise LoaderError(f"{printable(self.grant.path)}: an array of {dtype!r}, {shape!r}, {order!r} is damaged")
        if dtype.hasobject:
            array = _restricted.unpickler(self.grant)(self.file).load()
        else:
            self._skip_padding(state.get("numpy_array_alignment_bytes"))
            flat = np.frombuffer(self._raw(prod(shape) * dtype.itemsize), dtype=dtype)
            array = flat.reshape(shape[::-1]).T if order == "F" else flat.reshape(shape)
        if self.native and isinstance(array, np.ndarray) and _is_foreign(array.dtype):
            array = array.byteswap().view(array.dtype.newbyteorder("="))
        subclass = state.get("subclass")
        if hasattr(array, "__array_prepare__") and isinstance(subclass, type) and issubclass(subclass, np.matrix):
            return array.view(np.matrix)  # numpy 1 restores the class, numpy 2 does not
        return array

    def _skip_padding(self, alignment: object) -> None:
        if alignment is not None:  # joblib 1.1 and before did not align
            self.file.read(self.file.read(1)[0])

    def _raw(self, length: int) -> bytearray:
        data = bytearray()
        while len(data) < length:
            chunk = self.file.read(min(_CHUNK, length - len(data)))
            if not chunk:
                raise LoaderError(f"{printable(self.grant.path)}: an array of {length} bytes ends after {len(data)}")
            data += chunk
        return data


def _is_shape(shape: object) -> bool:
    return isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)


def _is_foreign(dtype: Any) -> bool:
    """Tell whether all numbers of a type stand in the byte order that is not this machine's."""
    foreign = ">" if sys.byteorder == "little" else "<"
    if dtype.fields:
        return all(_is_foreign(part) for part, *_ in dtype.fields.values())
    return bool(dtype.byteorder == foreign)


def _load(handover: Handover) -> Any:
    if handover.target not in ("", "load"):
        raise wrong_target("joblib", handover.target, ("",))
    file = the_file(handover, "joblib")
    grant = grant_for(handover, file)
    options = dict(handover.options)
    options.pop("mmap_mode", None)
    native = bool(options.pop("ensure_native_byte_order", True))
    if options or handover.args:
        raise LoaderError(f"loader joblib takes no {', '.join(options) or 'arguments'}", remedy="leave it out")
    with file.open("rb") as opened, _expanded(opened, grant.path) as stream:
        return _ArrayUnpickler(grant, stream, native=native).load()


def _expanded(opened: IO[bytes], path: str) -> AbstractContextManager[IO[bytes]]:
    """Give the file as it is, or behind the decompressor that joblib has for its first bytes."""
    from joblib.compressor import _COMPRESSORS  # includes what the process has registered, such as lz4
    from joblib.numpy_pickle_utils import _detect_compressor  # the same decision as joblib.load's

    name = _detect_compressor(opened)
    if name == "compat":
        raise LoaderError(
            f"{printable(path)}: written by a joblib before 0.10, whose reader opens other files without restriction",
            remedy="load it where it was made and save it again with a recent joblib",
        )
    if name not in _COMPRESSORS:
        return nullcontext(opened)
    return io.BufferedReader(_COMPRESSORS[name].decompressor_file(opened), buffer_size=1 << 20)


def _offers(_formats: Formats, _file: str | None) -> tuple[str, ...]:
    return ("",)


LOADER = loader(
    name="joblib",
    package=Package(distribution="joblib", module="joblib", extra="sklearn"),
    load=_load,
    suits=one_of("joblib"),
    offers=_offers,
    forbidden=_FORBIDDEN,
)
