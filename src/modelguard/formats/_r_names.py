"""Names in R's objects that tell what is asked for: packages, vectors in other spellings, functions that are called."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Packages that come with R itself: their namespaces are there without anything being installed or run.
OWN_PACKAGES = frozenset(_words("base stats utils methods graphics grDevices datasets tools grid splines stats4"))

# Alternative vectors of R itself (src/main/altclasses.c) that are numbers or texts in another spelling.
PLAIN_ALTERNATIVES = frozenset(
    _words(
        "compact_intseq compact_realseq deferred_string wrap_integer wrap_real wrap_logical wrap_complex wrap_raw "
        "wrap_string wrap_list"
    )
)
# Those whose numbers lie in a file, which R maps into memory.
MAPPED = frozenset(_words("mmap_integer mmap_real"))

# Functions whose call in an object is more than arithmetic: class of danger by name.
CALLEES: dict[str, str] = {
    **dict.fromkeys(_words("system system2 shell shell.exec pipe"), "process"),
    **dict.fromkeys(
        _words(
            "eval evalq parse str2lang source sys.source do.call match.fun Recall assign delayedAssign reg.finalizer "
            "makeActiveBinding addTaskCallback setHook trace attach local"
        ),
        "code-execution",
    ),
    **dict.fromkeys(
        _words("dyn.load library.dynam .C .Call .External .External2 .Fortran .Internal .Primitive"), "native-code"
    ),
    **dict.fromkeys(_words("library require requireNamespace loadNamespace attachNamespace :: :::"), "import"),
    **dict.fromkeys(_words("install.packages download.file url socketConnection curl"), "network"),
    **dict.fromkeys(
        _words("unlink file.remove writeLines writeBin cat sink save saveRDS file.copy file.rename dput"), "file-write"
    ),
    **dict.fromkeys(_words("readRDS load unserialize readLines readBin scan file"), "file-read"),
}

# The operators that formulas are written with, and the functions by which R's own models were fitted.
FORMULA = frozenset(
    _words("~ + - * / ^ : ( %in% | I list cbind log exp sqrt poly offset factor lm glm nls loess aov c variables")
)
