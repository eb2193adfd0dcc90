"""Runs real unpicklers over programs and tells which globals each looked up; run as a child process only.

`find_class` and `persistent_load` are replaced, so nothing is imported and nothing of a program runs: every global is a
class made here that takes any argument and does nothing. Programs come on stdin as a length of four bytes and the
bytes; for each a line of JSON goes to stdout: the pairs looked up and how each unpickler ended.
"""

from __future__ import annotations

import copyreg
import io
import json
import pickle
import resource
import signal
import struct
import sys
import warnings
from pathlib import Path

EXTENSIONS = {1: ("extension", "one"), 255: ("extension", "two"), 4660: ("extension", "three")}
SECONDS = 2.0


class Inert(type):
    """Lets a class, not only its instances, take items, calls and state."""

    def __call__(cls, *args, **kwargs):
        return cls.__new__(cls)

    def append(cls, *args): ...
    def extend(cls, *args): ...
    def add(cls, *args): ...
    def __setitem__(cls, key, value): ...


class Stub(metaclass=Inert):
    """An object that takes whatever it is given."""

    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __call__(self, *args, **kwargs):
        return Stub()

    def append(self, *args): ...
    def extend(self, *args): ...
    def add(self, *args): ...
    def __setitem__(self, key, value): ...


class Stated(Stub):
    def __setstate__(self, state): ...


class Wordy(Stub):
    """Its calls return a text, as `str.join` would: a name that is computed."""

    def __new__(cls, *args, **kwargs):
        return "computed"


class Raw(io.RawIOBase):
    """A file without a buffer, which the C unpickler reads byte by byte."""

    def __init__(self, data):
        self.inner = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.inner.readinto(buffer)


def recording(base, seen):
    class Recording(base):
        def find_class(self, module, name):
            seen.add((module, name))
            return {"s": Stated, "w": Wordy}.get(name[-1:], Stub)

        def persistent_load(self, identifier):
            return Stub()

    return Recording


def buffered(data):
    return io.BufferedReader(Raw(data), 64)


KINDS = {
    "C": (pickle.Unpickler, io.BytesIO),
    "C-buffered": (pickle.Unpickler, buffered),
    "C-latin1": (pickle.Unpickler, io.BytesIO),
    "Python": (pickle._Unpickler, io.BytesIO),
    "Python-buffered": (pickle._Unpickler, buffered),
}


def each(data, kind, again):
    """Load until an error: with one unpickler for all pickles of the stream (`again`), or a new one for each."""
    base, opener = KINDS[kind]
    seen = set()
    made = recording(base, seen)
    file = opener(data)
    options = {"encoding": "latin-1"} if kind == "C-latin1" else {}
    loaded = 0
    ended = "fine"
    try:
        unpickler = made(file, **options)
        for _ in range(8):
            unpickler.load()
            loaded += 1
            if not again:
                unpickler = made(file, **options)
    except RecursionError:
        ended = "RecursionError"
    except Exception as error:
        ended = type(error).__name__
    return seen, f"{loaded} {ended}"


def frameworks(data):
    """Run the unpicklers of joblib, numpy and torch where they are installed."""
    found, ended = set(), {}
    for name, base in FRAMEWORKS.items():
        seen = set()
        ALLOWED.seen.clear()
        try:
            if name.startswith("numpy"):
                read_by_numpy(name, base, data, seen)
                ended[name] = "fine"
                continue
            if name == "joblib":
                made = recording(base, seen)("memory", io.BytesIO(data), ensure_native_byte_order=False)
            else:
                made = recording(base, seen)(io.BytesIO(data))
            made.load()
            ended[name] = "fine"
        except Exception as error:
            ended[name] = type(error).__name__
        finally:
            found |= seen | ALLOWED.seen
    return found, ended


FRAMEWORKS = {}
HEADER = "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }"
ARRAY = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(HEADER)) + HEADER.encode()


class Recorded:
    """Stands in numpy for the module `pickle`: the same module, but each load records and builds nothing."""

    def __init__(self, seen):
        self.seen = seen

    def __getattr__(self, name):
        return getattr(pickle, name)

    def load(self, file, **options):
        return recording(pickle.Unpickler, self.seen)(file, **options).load()


def read_by_numpy(name, modules, data, seen):
    """Read the pickle as `numpy.load` does: alone, or behind the header of an array of objects."""
    import numpy

    for module in modules:
        module.pickle = Recorded(seen)
    # What follows the first pickle of an array is read as the next array; alone, only one pickle is read.
    options = {"allow_pickle": True, "encoding": "latin1" if name.endswith("latin1") else "ASCII"}
    numpy.load(io.BytesIO(ARRAY + data if "array" in name else data), **options)


class Allowed(dict):
    """What torch's unpickler asks instead of `find_class`: everything is allowed, and is inert."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __contains__(self, path):
        self.seen.add(("torch", path))
        return True

    def __getitem__(self, path):
        return Stub

    def values(self):
        return [Stub]


ALLOWED = Allowed()


def load_frameworks(names):
    if "joblib" in names:
        from joblib.numpy_pickle import NumpyUnpickler

        FRAMEWORKS["joblib"] = NumpyUnpickler
    if "numpy" in names:
        try:
            from numpy.lib import _format_impl as arrays
            from numpy.lib import _npyio_impl as files
        except ImportError:  # before numpy 2.3
            from numpy.lib import format as arrays
            from numpy.lib import npyio as files

        for way in ("alone", "array", "alone latin1", "array latin1"):
            FRAMEWORKS[f"numpy {way}"] = (arrays, files)
    if "torch" in names:
        import torch._weights_only_unpickler as unpickling

        unpickling._get_allowed_globals = lambda: ALLOWED
        unpickling._get_user_allowed_globals = dict
        FRAMEWORKS["torch"] = unpickling.Unpickler


def run(data):
    seen, ended = set(), {}
    for kind in KINDS:
        for again in (False, True):
            found, end = each(data, kind, again)
            seen |= found
            ended[kind + ("-again" if again else "")] = end
    found, ends = frameworks(data)
    return seen | found, ended | ends


class Late(BaseException):
    """Time is up for a program: no `except Exception` on the way may keep it."""


def on_alarm(signum, frame):
    raise Late


def limit_memory():
    """Leave room for a gigabyte beyond what the frameworks have taken: some programs ask for all there is."""
    told = Path("/proc/self/statm")  # Linux only
    taken = int(told.read_text("ascii").split()[0]) * resource.getpagesize() if told.exists() else 7 << 30
    resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30),) * 2)


def main():
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(500)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    load_frameworks(sys.argv[1:])
    limit_memory()
    for code, pair in EXTENSIONS.items():
        copyreg.add_extension(*pair, code)
    signal.signal(signal.SIGALRM, on_alarm)
    while head := sys.stdin.buffer.read(4):
        data = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            seen, ended = run(data)
        except (Late, MemoryError) as error:
            seen, ended = set(), {"all": type(error).__name__}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps({"seen": sorted(map(list, seen)), "ended": ended}), flush=True)


if __name__ == "__main__":
    main()
