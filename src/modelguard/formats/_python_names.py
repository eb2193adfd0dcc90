"""What Python code can do to a machine by the names it uses: one row per module or name, with class and reason.

The rows explain; they do not clear. Code without a single row's name is still code that runs with all rights of the
process, and is asked for as such.
"""

from __future__ import annotations

from attrs import frozen

HAZARDS: tuple[str, ...] = (
    "scanner-evasion",
    "obfuscation",
    "code-execution",
    "process",
    "native-code",
    "network",
    "persistence",
    "unpickling",
    "file-write",
    "hub-access",
)
"""Classes of danger, the gravest first: a file is said to have the first that it has."""


@frozen
class Row:
    """A dotted name, and with `whole` everything below it."""

    name: str
    hazard: str
    why: str
    whole: bool = False


def _rows(hazard: str, why: str, names: str, *, whole: bool = False) -> tuple[Row, ...]:
    return tuple(Row(name, hazard, why, whole) for name in names.split())


ROWS: tuple[Row, ...] = (
    *_rows("code-execution", "runs text as code", "exec eval compile builtins.exec builtins.eval builtins.compile"),
    *_rows("code-execution", "imports a module by a computed name", "__import__ builtins.__import__"),
    *_rows("code-execution", "imports a module by a computed name", "importlib", whole=True),
    *_rows("code-execution", "runs a module or file", "runpy code codeop", whole=True),
    *_rows("code-execution", "finds any object by its name", "pkgutil.resolve_name pydoc.locate"),
    *_rows("code-execution", "reaches every loaded module", "sys.modules __builtins__ gc.get_objects"),
    *_rows("code-execution", "reaches every variable of a frame", "sys._getframe inspect.currentframe inspect.stack"),
    *_rows("code-execution", "makes functions from code objects", "types.FunctionType types.CodeType types.LambdaType"),
    *_rows("code-execution", "runs code that another repository holds", "torch.hub.load"),
    *_rows("code-execution", "runs code of a repository", "transformers.dynamic_module_utils", whole=True),
    *_rows("process", "starts a process", "subprocess pty pexpect sh plumbum _posixsubprocess", whole=True),
    *_rows("process", "starts a process", "os.system os.popen os.fork os.forkpty os.startfile posix.system nt.system"),
    *_rows("process", "replaces the process", "os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp"),
    *_rows("process", "starts a process", "os.execvpe os.posix_spawn os.posix_spawnp os.spawnl os.spawnle os.spawnlp"),
    *_rows("process", "starts a process", "os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe"),
    *_rows("process", "starts a process", "asyncio.create_subprocess_exec asyncio.create_subprocess_shell"),
    *_rows("process", "ends other processes", "os.kill os.killpg"),
    *_rows("native-code", "calls machine code", "ctypes _ctypes cffi", whole=True),
    *_rows("native-code", "compiles and loads machine code", "torch.utils.cpp_extension", whole=True),
    *_rows("native-code", "loads a shared library", "torch.ops.load_library torch.classes.load_library"),
    *_rows("native-code", "loads a compiled kernel from a repository", "kernels.get_kernel"),
    *_rows("network", "opens a connection", "socket ssl socketserver ftplib smtplib telnetlib poplib", whole=True),
    *_rows(
        "network", "opens a connection", "http.client http.server urllib.request urllib3 requests httpx", whole=True
    ),
    *_rows("network", "opens a connection", "aiohttp websocket websockets paramiko xmlrpc nntplib imaplib", whole=True),
    *_rows("network", "opens a connection", "pycurl dns fabric boto3 asyncio.open_connection", whole=True),
    *_rows("network", "opens a connection", "webbrowser torch.distributed.rpc", whole=True),
    *_rows(
        "network", "fetches a file", "torch.hub.load_state_dict_from_url torch.hub.download_url_to_file wget.download"
    ),
    *_rows("hub-access", "fetches from a hub", "huggingface_hub modelscope", whole=True),
    *_rows("unpickling", "unpickles", "pickle _pickle cPickle dill cloudpickle marshal shelve jsonpickle", whole=True),
    *_rows("unpickling", "unpickles", "joblib.load pandas.read_pickle sklearn.externals.joblib.load"),
    *_rows("unpickling", "makes any object that the text names", "yaml.unsafe_load yaml.full_load yaml.UnsafeLoader"),
    *_rows("persistence", "runs later", "sched.scheduler signal.signal sys.settrace sys.setprofile"),
    *_rows("persistence", "runs later", "atexit", whole=True),
    *_rows("persistence", "changes what is imported", "sys.meta_path sys.path_hooks site.addsitedir sys.addaudithook"),
    *_rows("file-write", "deletes or moves files", "shutil.rmtree shutil.move os.remove os.unlink os.rename"),
    *_rows(
        "file-write",
        "deletes or changes files",
        "os.replace os.rmdir os.removedirs os.chmod os.chown os.symlink os.link",
    ),
    *_rows("file-write", "changes the environment of the process", "os.putenv os.environ.update os.environ.setdefault"),
    *_rows("scanner-evasion", "reaches a scanner", "modelguard picklescan modelscan fickling modelaudit", whole=True),
    *_rows("scanner-evasion", "switches a protection off", "torch.serialization.add_safe_globals"),
    *_rows("scanner-evasion", "switches a protection off", "keras.config.enable_unsafe_deserialization"),
    *_rows("obfuscation", "unpacks hidden text", "base64 binascii zlib lzma bz2 codecs.decode", whole=True),
)

EXACT: dict[str, Row] = {row.name: row for row in ROWS}

METHODS: dict[str, Row] = {
    row.name: row
    for row in (
        Row("write_text", "file-write", "writes a file"),
        Row("write_bytes", "file-write", "writes a file"),
        Row("unlink", "file-write", "deletes a file"),
        Row("rmtree", "file-write", "deletes a directory"),
        Row("__globals__", "code-execution", "leads from a function to its module"),
        Row("__builtins__", "code-execution", "leads to the built-in functions"),
        Row("__subclasses__", "code-execution", "leads to every class of the process"),
        Row("__code__", "code-execution", "replaces the code of a function"),
        Row("__reduce__", "unpickling", "makes an object that runs a function when it is unpickled"),
        Row("__reduce_ex__", "unpickling", "makes an object that runs a function when it is unpickled"),
        Row("f_globals", "code-execution", "leads from a frame to its globals"),
        Row("f_builtins", "code-execution", "leads from a frame to the built-in functions"),
    )
}
"""Names of attributes and methods that count on any object, since the object's type is not known."""

QUIET: frozenset[str] = frozenset({"base64", "binascii", "zlib", "lzma", "bz2", "codecs.decode"})
"""Rows that count only beside a row of another class: images and audio arrive as base64 in honest code."""


HARMLESS: frozenset[str] = frozenset(
    {
        "huggingface_hub.dataclasses",  # checks of types, imported by most modeling code of transformers 5
        "huggingface_hub.errors",  # classes of exceptions
        "importlib.metadata",  # versions of installed packages
        "importlib.util.find_spec",  # whether a package is installed
    }
)
"""Names below a row's that do none of what the row says."""

ON_USE: frozenset[str] = frozenset({"importlib", "importlib.util", "huggingface_hub"})
"""Modules whose import alone says nothing: what is taken from them does."""


def row_for(name: str) -> Row | None:
    """Return the row of a dotted name: its own, or that of a whole module above it."""
    if name in EXACT:
        return EXACT[name]
    parts = name.split(".")
    if is_harmless(name):
        return None
    for end in range(len(parts) - 1, 0, -1):
        row = EXACT.get(".".join(parts[:end]))
        if row is not None and row.whole:
            return row
    return None


def is_harmless(name: str) -> bool:
    """Tell whether a dotted name is one of `HARMLESS` or below one."""
    parts = name.split(".")
    return any(".".join(parts[:end]) in HARMLESS for end in range(2, len(parts) + 1))
