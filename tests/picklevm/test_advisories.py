"""Each published bypass that is about the names or calls of a pickle is refused here, and its benign twin is not.

A row is the id of an advisory, a callable and harmless arguments in the places where the advisory has its payload.
Sources: the GitHub Advisory Database and the threads of picklescan, fickling and CPython named by the ids.
"""

from __future__ import annotations

from typing import Any

import pytest
from pickle_builders import ECHO, Parts, asm, call, named, program, push, state
from pickle_verdicts import because, examined, reasons

from modelguard.terms.finding import Severity

SOURCE = f"import os; os.system({ECHO!r})"
EXPRESSION = f"__import__('os').system({ECHO!r})"
NESTED = program(*call(named("os", "system"), ECHO).parts)
NONE: dict[str, str] = {}

# advisory, module, name, arguments: the "missing global" advisories of picklescan, one callable each, and of fickling.
CALLABLES: tuple[tuple[str, str, str, tuple[Any, ...]], ...] = (
    ("CVE-2025-1716", "pip", "main", (["install", "x"],)),
    ("CVE-2025-46417", "linecache", "getline", ("/etc/hostname",)),
    ("CVE-2025-46417-ssl", "ssl", "get_server_certificate", (("127.0.0.1", 9),)),
    ("CVE-2025-10157", "asyncio.unix_events", "_UnixSubprocessTransport._start", (NONE, ECHO, True)),
    ("GHSA-9726-w42j-3qjr", "_io", "FileIO", ("/etc/hostname", "r")),
    ("GHSA-9726-w42j-3qjr-url", "urllib.request", "urlopen", ("https://127.0.0.1",)),
    ("CVE-2026-53874", "cloudpickle.cloudpickle", "_builtin_type", ("CodeType",)),
    ("CVE-2026-53874-function", "cloudpickle.cloudpickle", "_make_function", (None,)),
    ("CVE-2026-56304", "logging", "FileHandler", ("made-by-a-model",)),
    ("CVE-2026-3490", "pkgutil", "resolve_name", ("os:system",)),
    ("CVE-2026-56315-uuid", "uuid", "_get_command_stdout", (ECHO,)),
    ("CVE-2026-56315-osx", "_osx_support", "_read_output", (ECHO,)),
    ("CVE-2026-56315-osx-tool", "_osx_support", "_find_build_tool", (ECHO,)),
    ("CVE-2026-56315-aix", "_aix_support", "_read_cmd_output", (ECHO,)),
    ("CVE-2026-56315-pipe", "_pyrepl.pager", "pipe_pager", ("text", ECHO)),
    ("CVE-2026-56315-tempfile", "_pyrepl.pager", "tempfile_pager", ("text", ECHO)),
    ("CVE-2026-56315-imap", "imaplib", "IMAP4_stream", (ECHO,)),
    ("CVE-2026-56315-test", "test.support.script_helper", "assert_python_ok", ("-c", SOURCE)),
    ("CVE-2025-71351", "timeit", "timeit", ("", SOURCE)),
    ("GHSA-fj43-3qmq-673f", "numpy.testing._private.utils", "runstring", (SOURCE, NONE)),
    ("CVE-2025-71366", "torch.utils.bottleneck.__main__", "run_cprofile", (SOURCE, NONE)),
    ("CVE-2025-71345", "torch.utils.bottleneck.__main__", "run_autograd_prof", (SOURCE, NONE)),
    ("CVE-2025-71353", "torch._dynamo.guards", "GuardBuilder.get", (NONE, EXPRESSION)),
    (
        "GHSA-f4x7-rfwp-v3xw",
        "torch.fx.experimental.symbolic_shapes",
        "ShapeEnv.evaluate_guards_expression",
        (NONE, EXPRESSION, []),
    ),
    ("GHSA-f745-w6jp-hpxx", "torch.utils.collect_env", "run", (ECHO,)),
    (
        "GHSA-jhph-76pp-mggw",
        "torch.utils.collect_env",
        "run_and_read_all",
        (named("torch.utils.collect_env", "run"), ECHO),
    ),
    ("CVE-2025-71369", "torch.utils.data.datapipes.utils.decoder", "basichandlers", ("pickle", NESTED)),
    ("CVE-2025-71370", "torch.jit.unsupported_tensor_ops", "execWrapper", (SOURCE, NONE, NONE)),
    ("CVE-2025-71348", "torch.utils._config_module", "ConfigModule.load_config", (NONE, NESTED)),
    ("GHSA-5qwp-399c-mjwf", "trace", "Trace.run", (NONE, SOURCE)),
    ("CVE-2025-71352", "trace", "Trace.runctx", (NONE, SOURCE, NONE, NONE)),
    ("GHSA-x696-vm39-cp64", "profile", "Profile.run", (NONE, SOURCE)),
    ("CVE-2025-71341", "profile", "Profile.runctx", (NONE, SOURCE, NONE, NONE)),
    ("CVE-2026-53873", "profile", "run", (SOURCE,)),
    ("GHSA-f54q-57x4-jg88", "lib2to3.pgen2.grammar", "Grammar.loads", (NONE, NESTED)),
    ("GHSA-p9w7-82w4-7q8m", "lib2to3.pgen2.pgen", "ParserGenerator.make_label", (None, NONE, f'""+{EXPRESSION}')),
    ("CVE-2025-71354", "idlelib.debugobj", "ObjectTreeItem.SetText", (NONE, EXPRESSION)),
    ("CVE-2025-71358", "idlelib.autocomplete", "AutoComplete.get_entity", (NONE, EXPRESSION)),
    ("GHSA-7cq8-mj8x-j263", "idlelib.autocomplete", "AutoComplete.fetch_completions", (NONE, EXPRESSION, 1)),
    ("CVE-2025-71361", "idlelib.calltip", "Calltip.fetch_tip", (NONE, EXPRESSION)),
    ("CVE-2025-71360", "idlelib.calltip", "get_entity", (EXPRESSION,)),
    ("CVE-2025-71342", "idlelib.run", "Executive.runcode", (NONE, SOURCE)),
    ("CVE-2025-71357", "idlelib.pyshell", "ModifiedInterpreter.runcommand", (NONE, SOURCE)),
    ("CVE-2025-71340", "idlelib.pyshell", "ModifiedInterpreter.runcode", (NONE, SOURCE)),
    ("CVE-2025-71371", "code", "InteractiveInterpreter.runcode", (NONE, SOURCE)),
    ("GHSA-xp4f-hrf8-rxw7", "ensurepip", "_run_pip", (["--version"],)),
    ("CVE-2025-71368", "doctest", "debug_script", (SOURCE, True)),
    ("CVE-2025-71378", "cProfile", "runctx", (SOURCE, None, None)),
    ("GHSA-49gj-c84q-6qm9", "cProfile", "run", (SOURCE,)),
    (
        "CVE-2025-71364",
        "asyncio.unix_events",
        "_UnixSubprocessTransport._start",
        (NONE, ECHO, True, None, None, None, 0),
    ),
    ("CVE-2025-71321", "distutils.file_util", "write_file", ("made-by-a-model", ["line"])),
    ("CVE-2025-71323", "ctypes", "CDLL", (None,)),
    ("CVE-2025-71323-windows", "ctypes", "WinDLL", (None,)),
    ("CVE-2025-71320", "pydoc", "locate", ("os",)),
    ("CVE-2025-71373", "operator", "methodcaller", ("system", ECHO)),
    ("CVE-2025-71322", "pty", "spawn", (["/bin/sh", "-c", ECHO],)),
    ("GHSA-955r-x9j8-7rhh", "_operator", "methodcaller", ("system", ECHO)),
    ("GHSA-46h3-79wf-xr6c", "_operator", "attrgetter", ("system",)),
    ("GHSA-46h3-79wf-xr6c-items", "_operator", "itemgetter", ("system",)),
    ("GHSA-r8g5-cgf2-4m4m", "numpy.f2py.crackfortran", "getlincoef", (EXPRESSION, [])),
    ("CVE-2025-71339", "numpy.f2py.crackfortran", "_eval_length", (EXPRESSION, NONE)),
    ("CVE-2025-71365", "numpy.f2py.crackfortran", "myeval", (EXPRESSION,)),
    ("CVE-2025-71347", "numpy.f2py.crackfortran", "param_eval", (EXPRESSION, NONE, NONE)),
    ("CVE-2025-67748", "pty", "spawn", ("/bin/true",)),
    ("CVE-2025-67747", "marshal", "loads", (b"N",)),
    ("CVE-2025-67747-function", "types", "FunctionType", (None,)),
    ("CVE-2026-22606", "runpy", "run_path", ("made-by-a-model.py",)),
    ("CVE-2026-22606-module", "runpy", "run_module", ("this",)),
    ("CVE-2026-22607", "cProfile", "run", (SOURCE,)),
    ("CVE-2026-22608", "ctypes", "CDLL", ("libc.so.6",)),
    ("CVE-2026-22609", "importlib", "import_module", ("os",)),
    ("CVE-2026-22609-code", "code", "InteractiveInterpreter", ()),
    ("CVE-2026-22609-spawn", "multiprocessing.util", "spawnv_passfds", (b"/bin/true", [], [])),
    ("CVE-2026-22612", "builtins", "__import__", ("os",)),
    ("CVE-2026-22612-getattr", "builtins", "getattr", (named("builtins", "dict"), "__class__")),
    ("GHSA-mhc9-48gj-9gp3-server", "socketserver", "TCPServer", (("127.0.0.1", 0), None)),
    ("GHSA-mhc9-48gj-9gp3-xmlrpc", "xmlrpc.client", "ServerProxy", ("http://127.0.0.1",)),
    ("GHSA-mhc9-48gj-9gp3-signal", "signal", "signal", (2, None)),
    ("GHSA-mhc9-48gj-9gp3-thread", "threading", "Thread", ()),
    ("GHSA-mhc9-48gj-9gp3-sql", "sqlite3", "connect", ("made-by-a-model",)),
    ("GHSA-mhc9-48gj-9gp3-input", "fileinput", "FileInput", ("/etc/hostname",)),
    ("GHSA-mhc9-48gj-9gp3-glob", "glob", "glob", ("*",)),
    ("GHSA-mhc9-48gj-9gp3-compile", "compileall", "compile_dir", (".",)),
    ("GHSA-mhc9-48gj-9gp3-mmap", "mmap", "mmap", (-1, 10)),
    ("GHSA-mhc9-48gj-9gp3-select", "select", "select", ([], [], [], 0)),
    ("GHSA-mhc9-48gj-9gp3-logging", "logging.config", "dictConfig", (NONE,)),
    ("GHSA-mhc9-48gj-9gp3-tar", "tarfile", "open", ("made-by-a-model",)),
    ("GHSA-mhc9-48gj-9gp3-zip", "zipfile", "ZipFile", ("made-by-a-model",)),
    ("GHSA-mhc9-48gj-9gp3-shelve", "shelve", "open", ("made-by-a-model",)),
    ("GHSA-5hwf-rc88-82xm", "_aix_support", "aix_platform", ()),
    ("GHSA-5cxw-w2xg-2m8h", "platform", "popen", (ECHO,)),
    ("GHSA-r48f-3986-4f9c-lines", "linecache", "getlines", ("/etc/hostname",)),
    ("GHSA-r48f-3986-4f9c-difflib", "difflib", "get_close_matches", ("a", ["a"])),
    ("GHSA-r48f-3986-4f9c-gc", "gc", "get_objects", ()),
    ("GHSA-pc6j-px3p-rrj4", "unittest.mock", "_get_target", ("os.system",)),
    ("CVE-2026-14534-fork", "_posixsubprocess", "fork_exec", ([b"/bin/true"],)),
    ("CVE-2026-14534-site", "site", "execsitecustomize", ()),
    ("CVE-2026-14534-exit", "atexit", "_run_exitfuncs", ()),
    ("GHSA-5j3x-jp52-966f", "pathlib", "os.system", (ECHO,)),
    ("GHSA-6ggj-6f2q-f7mx", "_interpreters", "run_string", (0, SOURCE)),
    ("GHSA-6ggj-6f2q-f7mx-old", "_xxsubinterpreters", "run_string", (0, SOURCE)),
    ("fickling-getattr-static", "inspect", "getattr_static", (named("builtins", "dict"), "get")),
    ("fickling-frozen", "_frozen_importlib", "_gcd_import", ("os",)),
    ("fickling-frozen-external", "_frozen_importlib_external", "SourceFileLoader", ("x", "x.py")),
    ("fickling-imp", "_imp", "create_dynamic", (None,)),
    ("fickling-imp-old", "imp", "load_source", ("x", "x.py")),
    ("fickling-pipes", "pipes", "Template", ()),
    ("scanner-off-fickling", "fickling.hook", "remove_hook", ()),
    ("scanner-off-picklescan", "picklescan.scanner", "_unsafe_globals", ()),
    ("scanner-off-modelscan", "modelscan.settings", "DEFAULT_SETTINGS", ()),
    ("scanner-off-modelaudit", "modelaudit.scanners", "register", ()),
    ("scanner-off-modelguard", "modelguard.guard", "guarded_load", ("x",)),
    ("scanner-off-torch", "torch.serialization", "add_safe_globals", ([named("os", "system")],)),
    ("modelaudit-asteval", "asteval", "Interpreter", ()),
    ("modelaudit-simpleeval", "simpleeval", "EvalWithCompoundTypes", ()),
    ("modelaudit-sh", "sh", "bash", ("-c", ECHO)),
    ("modelaudit-getitem", "operator", "getitem", ([named("os", "system")], 0)),
    ("modelaudit-distutils", "numpy.distutils.exec_command", "exec_command", (ECHO,)),
    ("modelaudit-joblib", "joblib", "load", ("made-by-a-model",)),
    ("CVE-2022-45907", "torch.jit.annotations", "parse_type_line", (EXPRESSION, None, None)),
    ("CVE-2024-5480", "torch.distributed.rpc", "PythonUDF", (None, (), NONE)),
    ("CVE-2024-48063", "torch.distributed.nn.api.remote_module", "_RemoteModule", ()),
    ("CVE-2025-1889", "torch", "load", ("config.p",)),
    ("torch-nested", "torch.storage", "_load_from_bytes", (NESTED,)),
    ("torch-package", "torch.package", "PackageImporter", ("model.pt",)),
    ("torch-hub", "torch.hub", "load", ("someone/something", "entry")),
    ("CVE-2022-21797", "joblib", "Parallel", ()),
    ("CVE-2024-34997", "joblib.numpy_pickle", "NumpyArrayWrapper.read_array", (NONE, None)),
    ("joblib-second-file", "joblib.numpy_pickle_compat", "NDArrayWrapper", ("second.npy", None, False)),
    ("CVE-2019-6446", "numpy", "load", ("made-by-a-model.npy",)),
    ("CVE-2020-13091", "pandas", "read_pickle", ("made-by-a-model.pkl",)),
    ("CVE-2020-13092", "joblib", "load", ("made-by-a-model.joblib",)),
    ("CVE-2025-1550", "keras.src.saving.serialization_lib", "enable_unsafe_deserialization", ()),
    ("scipy-stats-state", "scipy.stats._continuous_distns", "norm_gen", ()),
)


@pytest.mark.parametrize(
    ("module", "name", "arguments"), [row[1:] for row in CALLABLES], ids=[row[0] for row in CALLABLES]
)
@pytest.mark.parametrize("protocol", [0, 2, 4], ids=["protocol-0", "protocol-2", "protocol-4"])
def test_the_callable_of_an_advisory_is_refused(
    module: str, name: str, arguments: tuple[Any, ...], protocol: int
) -> None:
    data = program(*call(named(module, name, protocol=protocol), *arguments).parts, protocol=protocol)
    examination = examined(data)
    assert not examination.allowed
    subjects = {finding.subject for finding in because(examination) if finding.check == "ungranted-import"}
    assert f"{module}.{name}" in subjects


@pytest.mark.parametrize("opcode", ["REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX"])
def test_a_dangerous_call_is_refused_whatever_opcode_makes_it(opcode: str) -> None:
    found = because(examined(program(*call(named("os", "system"), ECHO, opcode=opcode).parts)))
    assert any(one.check == "dangerous-call" and one.severity == Severity.CRITICAL for one in found)


def test_a_dangerous_call_by_inst_is_refused() -> None:
    data = program(*call(named("os", "system", protocol=0), ECHO, opcode="INST").parts, protocol=0)
    assert "dangerous-call" in {one.check for one in because(examined(data))}


def stack_global(module: object, name: object) -> Parts:
    return Parts(*push(module), *push(name), "STACK_GLOBAL")


SYSTEM = named("os", "system")
DECODED = call(named("_codecs", "encode"), "os", "latin1")
INSTANCE = Parts(*call(named("argparse", "Namespace"), opcode="NEWOBJ").parts)

# id and what it is, the check that must answer, bytes: names, calls, states and streams beyond a list of names.
CONSTRUCTS: tuple[tuple[str, str, bytes], ...] = (
    ("G-01 unlisted callable", "ungranted-import", program(*call(named("nobody_knows", "this"), 1).parts)),
    (
        "G-02 submodule of a blocked module",
        "dangerous-call",
        program(*call(named("pip._internal.cli.main", "main"), []).parts),
    ),
    (
        "G-03 module re-exported by an innocent one",
        "ungranted-import",
        program(*named("pathlib", "os", protocol=2).parts, protocol=2),
    ),
    (
        "G-03 pickle in torch",
        "ungranted-import",
        program(*named("torch.serialization", "pickle", protocol=2).parts, protocol=2),
    ),
    ("G-04 dotted name", "dangerous-call", program(*call(stack_global("pathlib", "os.system"), ECHO).parts)),
    (
        "G-04 dotted name under an allowed package",
        "ungranted-import",
        program(*stack_global("torch._utils", "importlib.import_module").parts),
    ),
    ("G-04 dotted name by GLOBAL", "ungranted-import", program(("GLOBAL", "pathlib", "os.system"))),
    (
        "G-05 protocol raised in the middle",
        "ungranted-import",
        asm("PROTO 2", "NONE", "POP", "PROTO 4", ("GLOBAL", "pathlib", "os.getcwd"), "STOP"),
    ),
    (
        "G-06 dunder walk",
        "ungranted-import",
        program(*stack_global("collections", "OrderedDict.__init__.__globals__").parts),
    ),
    ("G-06 subclasses", "ungranted-import", program(*stack_global("torch", "Tensor.__class__.__subclasses__").parts)),
    ("G-07 C twin of os", "dangerous-call", program(*call(named("posix", "system"), ECHO).parts)),
    ("G-07 C twin of os on Windows", "dangerous-call", program(*call(named("nt", "system"), ECHO).parts)),
    ("G-07 C twin of pickle", "dangerous-call", program(*call(named("_pickle", "loads"), NESTED).parts)),
    (
        "G-08 eval by its old name",
        "dangerous-call",
        program(*call(named("__builtin__", "eval", protocol=2), "1").parts, protocol=2),
    ),
    (
        "G-08 old commands",
        "dangerous-call",
        program(*call(named("commands", "getoutput", protocol=2), ECHO).parts, protocol=2),
    ),
    (
        "G-08 old pickle",
        "dangerous-call",
        program(*call(named("cPickle", "loads", protocol=2), NESTED).parts, protocol=2),
    ),
    (
        "G-08 old urllib",
        "dangerous-call",
        program(*call(named("urllib2", "urlopen", protocol=2), "http://127.0.0.1").parts, protocol=2),
    ),
    ("G-08 old reduce", "ungranted-import", program(*named("__builtin__", "reduce", protocol=2).parts, protocol=2)),
    ("G-08 old execfile", "ungranted-import", program(*named("__builtin__", "execfile", protocol=2).parts, protocol=2)),
    ("G-08 old name at a new protocol", "ungranted-import", program(*named("__builtin__", "eval").parts)),
    ("G-09 blank in the module", "ungranted-import", program(("GLOBAL", "os path", "system"))),
    ("G-09 carriage return", "ungranted-import", program(("GLOBAL", b"os\r", b"system\r"), protocol=0)),
    ("G-09 look-alike letter", "ungranted-import", program(*named("оs", "system").parts)),
    ("G-09 full-width letters", "ungranted-import", program(*named("ｏs", "system").parts)),
    ("G-09 trailing dot", "ungranted-import", program(*named("os.", "system").parts)),
    ("G-09 empty module", "ungranted-import", program(*named("", "system").parts)),
    ("G-09 NUL", "ungranted-import", program(*named("os\0", "system").parts)),
    ("G-09 main", "ungranted-import", program(*named("__main__", "Thing").parts)),
    ("G-11 module that answers any name", "dangerous-call", program(*call(named("sh", "bash"), "-c", ECHO).parts)),
    ("G-11 lazy builtins", "ungranted-import", program(*call(named("six.moves.builtins", "exec"), SOURCE).parts)),
    ("G-12 import alone", "ungranted-import", program(*named("antigravity", "webbrowser").parts)),
    ("G-12 main of a package", "ungranted-import", program(*named("idlelib.__main__", "idlelib").parts)),
    ("G-13 module beside the model", "ungranted-import", program(*named("modeling_x", "Model").parts)),
    (
        "G-14 extension registered by the file",
        "dangerous-call",
        program(*call(named("copyreg", "add_extension"), "os", "system", 0x697A).parts, "POP", ("EXT2", 0x697A)),
    ),
    ("G-14 extension alone", "unresolved-name", program(("EXT1", 240))),
    ("G-15 persistent id as text", "unresolved-name", program(("PERSID", "os.system"), protocol=0)),
    ("G-15 persistent id", "unresolved-name", program(*push(("os", "system")), "BINPERSID")),
    (
        "G-18 state of a class that runs it",
        "dangerous-call",
        program(*state(call(named("torch.fx.graph_module", "GraphModule"), opcode="NEWOBJ"), {"code": SOURCE}).parts),
    ),
    (
        "C-01 getattr",
        "dangerous-call",
        program(*call(call(named("builtins", "getattr"), named("os", "path"), "os"), ECHO).parts),
    ),
    (
        "C-01 format field walk",
        "dangerous-call",
        program(*call(named("builtins", "str.format"), "{0.__class__}", 1).parts),
    ),
    (
        "C-02 entry point",
        "dangerous-call",
        program(*call(named("importlib.metadata", "EntryPoint"), "a", "os:system", "g").parts),
    ),
    ("C-02 named tuple", "dangerous-call", program(*call(named("collections", "namedtuple"), "T", "a").parts)),
    ("C-03 map", "dangerous-call", program(*call(named("builtins", "map"), SYSTEM, [ECHO]).parts)),
    ("C-03 partial", "dangerous-call", program(*call(named("functools", "partial"), SYSTEM, ECHO).parts)),
    (
        "C-03 partial of something harmless",
        "dangerous-call",
        program(*call(named("functools", "partial"), named("builtins", "list")).parts),
    ),
    ("C-03 default factory", "broken-argument", program(*call(named("collections", "defaultdict"), SYSTEM).parts)),
    (
        "C-03 granted factory that is no plain type",
        "broken-argument",
        program(*call(named("collections", "defaultdict"), named("numpy", "log")).parts),
    ),
    (
        "C-04 reconstructor of a foreign class",
        "ungranted-import",
        program(*call(named("copyreg", "_reconstructor"), SYSTEM, named("builtins", "object"), None).parts),
    ),
    (
        "C-04 newobj of a foreign class",
        "ungranted-import",
        program(*call(named("copyreg", "__newobj__"), named("subprocess", "Popen")).parts),
    ),
    (
        "C-04 numpy reconstruct",
        "broken-argument",
        program(*call(named("numpy.core.multiarray", "_reconstruct"), SYSTEM, (0,), b"b").parts),
    ),
    (
        "C-04 random state with a maker",
        "broken-argument",
        program(*call(named("numpy.random._pickle", "__randomstate_ctor"), ECHO, SYSTEM).parts),
    ),
    (
        "C-04 torch trampoline",
        "dangerous-call",
        program(
            *call(named("torch._tensor", "_rebuild_from_type_v2"), SYSTEM, named("torch", "Tensor"), (ECHO,), {}).parts
        ),
    ),
    (
        "C-04 torch wrapper",
        "dangerous-call",
        program(*call(named("torch._utils", "_rebuild_wrapper_subclass"), SYSTEM).parts),
    ),
    (
        "C-04 torch parameter with state",
        "dangerous-call",
        program(*call(named("torch._utils", "_rebuild_parameter_with_state"), None, True, None, {}).parts),
    ),
    ("C-05 thread", "dangerous-call", program(*call(named("threading", "Timer"), 1, SYSTEM).parts)),
    ("C-05 finalizer", "dangerous-call", program(*call(named("weakref", "finalize"), [], SYSTEM).parts)),
    (
        "C-06 state on a class",
        "state-injection",
        program(*state(named("collections", "OrderedDict"), {"get": SYSTEM}).parts),
    ),
    (
        "C-06 state on a granted class with granted things",
        "state-injection",
        program(*state(named("collections", "OrderedDict"), {"x": 1}).parts),
    ),
    (
        "C-06 items on a class",
        "state-injection",
        program(*named("collections", "OrderedDict").parts, *push("k"), *push(1), "SETITEM"),
    ),
    (
        "C-07 setstate by state",
        "state-injection",
        program(*state(INSTANCE, {"__setstate__": named("builtins", "list")}).parts, *push(ECHO), "BUILD"),
    ),
    ("C-07 reduce by state", "state-injection", program(*state(INSTANCE, {"__reduce__": 1}).parts)),
    ("C-08 code of a function", "state-injection", program(*state(named("numpy", "log"), {"__code__": 1}).parts)),
    ("C-09 code object", "dangerous-call", program(*call(named("types", "CodeType"), 0).parts)),
    ("C-09 marshal", "dangerous-call", program(*call(named("marshal", "loads"), b"N").parts)),
    ("C-09 dill", "dangerous-call", program(*call(named("dill._dill", "_create_code"), 0).parts)),
    ("C-09 codec that decompresses", "broken-argument", program(*call(named("_codecs", "encode"), "x", "zlib").parts)),
    ("C-09 codec that decodes", "ungranted-import", program(*call(named("_codecs", "decode"), b"x", "zlib").parts)),
    ("C-10 nested load", "dangerous-call", program(*call(named("pickle", "loads"), NESTED).parts)),
    ("C-11 file write", "dangerous-call", program(*call(named("torch", "save"), 1, "made-by-a-model").parts)),
    ("C-11 dotenv", "dangerous-call", program(*call(named("dotenv", "set_key"), ".env", "A", "b").parts)),
    ("C-12 name resolution", "dangerous-call", program(*call(named("socket", "getaddrinfo"), "localhost", 1).parts)),
    ("C-13 environment", "ungranted-import", program(*named("os", "environ").parts)),
    ("C-14 payload, then a broken opcode", "dangerous-call", asm("PROTO 4", *call(SYSTEM, ECHO).parts, b"\xff")),
    ("C-14 payload without STOP", "dangerous-call", asm("PROTO 4", *call(SYSTEM, ECHO).parts)),
    (
        "O-01 no PROTO",
        "ungranted-import",
        asm(("SHORT_BINUNICODE", "os"), ("SHORT_BINUNICODE", "system"), "STACK_GLOBAL", "STOP"),
    ),
    (
        "O-02 operands by memo",
        "ungranted-import",
        program(
            ("BINUNICODE", "os"),
            "BINPUT 0",
            "POP",
            ("BINUNICODE", "system"),
            "BINPUT 1",
            "POP",
            "BINGET 0",
            "BINGET 1",
            "STACK_GLOBAL",
        ),
    ),
    (
        "O-03 memo after POP",
        "ungranted-import",
        program(("BINUNICODE", "os"), ("BINUNICODE", "x"), "POP", "BINPUT 0", ("BINUNICODE", "system"), "STACK_GLOBAL"),
    ),
    (
        "O-04 operand by DUP",
        "ungranted-import",
        program(("BINUNICODE", "os"), "DUP", "POP", ("BINUNICODE", "system"), "STACK_GLOBAL"),
    ),
    ("O-05 computed name", "unresolved-name", program(*stack_global(DECODED, "system").parts)),
    ("O-05 computed by a call of a call", "unresolved-name", program(*call(call(named("builtins", "dict"))).parts)),
    ("O-07 second pickle", "dangerous-call", program("NONE") * 6 + NESTED),
    ("O-08 bytes behind STOP", "dangerous-call", program("NONE") + b"\0\0" + NESTED),
    (
        "O-09 payload before an error",
        "dangerous-call",
        asm("PROTO 4", *call(SYSTEM, ECHO).parts, ("BINUNICODE", "x"), b"X\xff\xff\xff\x7f"),
    ),
    ("O-10 truncated", "malformed-file", asm("PROTO 4", ("BINUNICODE", "os"))[:-1]),
    ("O-11 result thrown away", "dangerous-call", program(*call(SYSTEM, ECHO).parts, "POP", "NONE")),
    (
        "O-11 result hidden in items",
        "dangerous-call",
        program("EMPTY_DICT", *push("a"), *call(SYSTEM, ECHO).parts, "SETITEM"),
    ),
    ("O-13 pickle in bytes", "dangerous-call", program(*push({"w": NESTED}))),
    (
        "O-16 hexadecimal number first",
        "dangerous-call",
        asm(("INT", b"0x10"), "POP", *call(named("os", "system", protocol=0), ECHO).parts, "STOP"),
    ),
    (
        "O-17 escapes in a string",
        "ungranted-import",
        asm("PROTO 4", ("STRING", b"'\\x6fs'"), ("STRING", b"'system'"), "STACK_GLOBAL", "STOP"),
    ),
    (
        "O-18 escapes in a text",
        "ungranted-import",
        asm("PROTO 4", ("UNICODE", b"\\u006fs"), ("UNICODE", b"system"), "STACK_GLOBAL", "STOP"),
    ),
)


@pytest.mark.parametrize(("check", "data"), [row[1:] for row in CONSTRUCTS], ids=[row[0] for row in CONSTRUCTS])
def test_a_known_construct_is_refused_by_the_check_for_it(check: str, data: bytes) -> None:
    examination = examined(data)
    assert not examination.allowed
    assert check in {finding.check for finding in because(examination)}


# The same constructs without the fault: what libraries really write.
TWINS: tuple[tuple[str, bytes], ...] = (
    ("C-03 default factory", program(*call(named("collections", "defaultdict"), named("builtins", "list")).parts)),
    (
        "C-04 reconstructor",
        program(
            *call(
                named("copyreg", "_reconstructor"), named("argparse", "Namespace"), named("builtins", "object"), None
            ).parts
        ),
    ),
    ("C-04 newobj", program(*call(named("copyreg", "__newobj__"), named("uuid", "UUID")).parts)),
    (
        "C-04 numpy reconstruct",
        program(*call(named("numpy.core.multiarray", "_reconstruct"), named("numpy", "ndarray"), (0,), b"b").parts),
    ),
    (
        "C-04 random state",
        program(
            *call(
                named("numpy.random._pickle", "__randomstate_ctor"),
                "MT19937",
                named("numpy.random._pickle", "__bit_generator_ctor"),
            ).parts
        ),
    ),
    ("C-07 plain state", program(*state(INSTANCE, {"batch_size": 8}).parts)),
    ("C-09 latin-1", program(*call(named("_codecs", "encode", protocol=2), "\xff", "latin1").parts, protocol=2)),
    ("G-04 plain name", program(*named("collections", "OrderedDict").parts)),
    ("G-08 old name of a container", program(*call(named("__builtin__", "set", protocol=2), [1]).parts, protocol=2)),
    (
        "G-08 old reconstructor",
        program(
            *call(
                named("copy_reg", "_reconstructor", protocol=2),
                named("argparse", "Namespace", protocol=2),
                named("__builtin__", "object", protocol=2),
                None,
            ).parts,
            protocol=2,
        ),
    ),
    ("O-02 memo", program(("BINUNICODE", "a"), "MEMOIZE", "POP", "BINGET 0")),
    ("O-13 bytes", program(*push({"w": b"\x80\x04 no pickle follows"}))),
    ("O-16 decimal number", asm(("INT", 16), "STOP")),
)


@pytest.mark.parametrize("data", [row[1] for row in TWINS], ids=[row[0] for row in TWINS])
def test_the_benign_twin_is_allowed(data: bytes) -> None:
    examination = examined(data)
    assert examination.allowed, reasons(examination)
