"""The argument rules of NumPy: arrays of plain classes, element types from short codes, generators by name.

Three of the functions call or make what their arguments name (`_reconstruct`, `__randomstate_ctor`,
`__bit_generator_ctor`), and `scalar` takes the memory of its second argument for whatever its first one says, object
pointers included; the rules leave only what NumPy itself writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelguard.picklevm.knowledge.element_types import CODE, is_plain_dtype
from modelguard.picklevm.knowledge.reading import (
    Use,
    called,
    is_bytes,
    is_granted,
    named,
    text,
    wholes,
    words,
)
from modelguard.picklevm.values import Constant, Global, Value

_ARRAYS = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "recarray"),
        ("numpy", "matrix"),
        ("numpy.rec", "recarray"),
        ("numpy.core.records", "recarray"),
        ("numpy._core.records", "recarray"),
        ("numpy.matrixlib.defmatrix", "matrix"),
        ("numpy.ma", "MaskedArray"),
        ("numpy.ma.core", "MaskedArray"),
    }
)
_UFUNC_MODULES = words("numpy numpy.core._multiarray_umath numpy._core._multiarray_umath")
_GENERATORS = words("MT19937 PCG64 PCG64DXSM Philox SFC64")


def _dtype(use: Use) -> str:
    if not 1 <= len(use.arguments) <= 3:
        return "an element type is made with an unusual number of arguments"
    code, *flags = use.arguments
    if not all(isinstance(flag, Constant) and flag.value in (0, 1, None) for flag in flags):
        return "an element type is made with something other than switches behind its code"
    written = text(code)
    if (written is not None and CODE.match(written)) or (isinstance(code, Global) and is_granted(code)):
        return ""
    return f"an element type is made from {named(code)}, not from a short code"


def is_array_class(value: Value) -> bool:
    return isinstance(value, Global) and (value.module, value.name) in _ARRAYS


def _array(use: Use) -> str:
    match use.arguments:
        case (cls, shape, code):
            if not is_array_class(cls):
                return f"_reconstruct makes an instance of {named(cls)}, which is not a class of arrays"
            if wholes(shape) not in ((0,), ()):
                return "_reconstruct makes an array that is not empty"
            if is_bytes(code) or text(code) is not None:
                return ""
    return "_reconstruct is given other arguments than an array class, an empty shape and a type code"


def _subclass(use: Use) -> str:
    return f"{use.module}.{use.name} opens files when it is called, and is granted as the class of an array of joblib"


def _scalar(use: Use) -> str:
    match use.arguments:
        case (dtype, data):
            if not is_plain_dtype(dtype):
                return "a number is made with an element type that is not plain, so that its bytes may become pointers"
            if is_bytes(data):
                return ""
    return "a number is made from something other than an element type and bytes"


def _buffer(use: Use) -> str:
    match use.arguments:
        case (_, dtype, shape, order):
            if not is_plain_dtype(dtype):
                return "an array is made over bytes with an element type that is not plain"
            numbers = wholes(shape)
            if numbers is not None and min(numbers, default=0) >= 0 and text(order) in {"C", "F"}:
                return ""
    return "an array is made over bytes with other arguments than NumPy writes"


def _masked(use: Use) -> str:
    match use.arguments:
        case (cls, base, shape, code):
            classes = is_array_class(cls) and is_array_class(base)
            if classes and wholes(shape) in ((0,), ()) and (is_bytes(code) or text(code) is not None):
                return ""
    return "_mareconstruct is given other arguments than array classes, an empty shape and a type code"


def _random(use: Use) -> str:
    if not use.arguments:
        return ""
    generator, *makers = use.arguments
    if not (text(generator) in _GENERATORS or _is_generator(generator)):
        return f"{use.name} would make {named(generator)}, which is not a random generator of NumPy"
    for maker in makers:
        if maker != Global("numpy.random._pickle", "__bit_generator_ctor"):
            return f"{use.name} would call {named(maker)}"
    return ""


def _is_generator(value: Value) -> bool:
    if isinstance(value, Global):
        return value.module.startswith("numpy.random._") and value.name in _GENERATORS and is_granted(value)
    return called(value, ("numpy.random._pickle", "__bit_generator_ctor")) is not None


def _ufunc(use: Use) -> str:
    match use.arguments:
        case (module, name):
            owner, function = text(module), text(name)
            if owner in _UFUNC_MODULES and function is not None and is_granted(Global("numpy", function)):
                return ""
    return f"{use.name} would import something other than an elementwise function of NumPy"


NUMPY_RULES: Mapping[str, Callable[[Use], str]] = {
    "numpy-dtype": _dtype,
    "numpy-array": _array,
    "numpy-subclass": _subclass,
    "numpy-scalar": _scalar,
    "numpy-buffer": _buffer,
    "numpy-masked": _masked,
    "numpy-random": _random,
    "numpy-ufunc": _ufunc,
}
