"""What two places of a configuration ask for: regular expressions of a tokenizer, and the method of quantization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from modelguard.formats._patterns import trouble_in
from modelguard.terms.errors import BudgetSpent
from modelguard.terms.facts import Fact

_SHOWN = 200
_LONGEST_TOKENS = 1_000_000

# Methods that transformers knows (transformers/quantizers/auto.py) -> the packages that it imports for them.
_KERNELS = "kernels, which fetches compiled code from the Hub"
METHODS: dict[str, str] = {
    "aqlm": "aqlm",
    "auto-round": "auto-round",
    "autoround": "auto-round",
    "awq": "gptqmodel or autoawq",
    "bitnet": "",
    "bitsandbytes": "bitsandbytes",
    "bitsandbytes_4bit": "bitsandbytes",
    "bitsandbytes_8bit": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "eetq": "eetq or kernels",
    "fbgemm_fp8": "fbgemm-gpu or kernels",
    "fouroversix": "fouroversix",
    "fp8": "",
    "fp_quant": "fp_quant and qutlass",
    "gemma": "",
    "gguf": "gguf",
    "gptq": "gptqmodel or auto-gptq",
    "higgs": "flute-kernel",
    "hqq": "hqq",
    "metal": _KERNELS,
    "modelopt": "nvidia-modelopt",
    "mxfp4": _KERNELS,
    "mxfp8": "",
    "nvfp4": "",
    "quanto": "optimum-quanto",
    "quark": "amd-quark",
    "sinq": "sinq",
    "spqr": "spqr_quant",
    "torchao": "torchao",
    "vptq": "vptq",
}


class Place(Protocol):
    """Where in which file a value stands, as the rules of single keys have it."""

    def asks(self, permission: Any, name: str, detail: str, hazard: str = "") -> Fact:
        """Return that something is asked for here."""
        ...

    def noted(self, rule: str, detail: str) -> Fact:
        """Return that something is worth showing here."""
        ...


def pattern(value: Any, place: Place) -> Iterator[Fact]:
    """Judge a regular expression by its form."""
    if not isinstance(value, str):
        return
    try:
        trouble = trouble_in(value)
    except BudgetSpent as error:
        trouble = str(error)
    if trouble:
        detail = f"{trouble}: a text that almost matches can take the tokenizer exponential time (CWE-1333)"
        yield place.asks("configuration", f"Regex {value[:_SHOWN]}", detail, "exhaustion")


def added_tokens(value: Any, place: Place) -> Iterator[Fact]:
    """Tell more added tokens than any tokenizer has; each is searched for in every text."""
    if isinstance(value, list) and len(value) > _LONGEST_TOKENS:
        detail = f"{len(value)} tokens are searched for in every text"
        yield place.asks("configuration", "added_tokens", detail, "exhaustion")


def quantization(value: Any, place: Place) -> Iterator[Fact]:
    """Tell the method of quantization, and which packages are imported for it."""
    if not isinstance(value, dict):
        return
    method = value.get("quant_method")
    if isinstance(method, str) and method in METHODS:
        packages = METHODS[method]
        yield place.noted("quantization", f"{method}" + (f"; transformers imports {packages}" if packages else ""))
    elif method is not None:
        detail = "no method that transformers brings: a package has to register it"
        yield place.asks("configuration", f"quant_method={str(method)[:_SHOWN]}", detail, "import")
