"""Writes down what a pickle would do: one fact for each distinct global, call and oddity of a content.

The machine tells it what happens; it asks the tables of `knowledge` about names and keeps the number of facts bounded.
"""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Hashable, Iterable

from modelguard.picklevm.attributes import method_fault, method_lists
from modelguard.picklevm.knowledge.lookup import (
    argument_fault,
    argument_rules,
    grants_for,
    hazard_of,
    may_be_kept,
    state_fault,
    state_rules,
    takes_items,
)
from modelguard.picklevm.objects import ACTS, Bag, Called, Held, Lost, Named, Raw, Table, describe, kind_of, text_of
from modelguard.picklevm.quick import ARGUMENTS, QUIET, STATES
from modelguard.terms.artifact import Location, printable
from modelguard.terms.errors import BudgetSpent
from modelguard.terms.facts import Build, Call, Fact, Import, Malformed, Noted, Unresolved

FACTS = 20_000
"""Distinct facts of one content; a real model has a few hundred."""

FORMAT = "pickle"

# Attributes by which a name leaves the object that it starts from; a dotted name with one of them is a gadget.
_WALKS = frozenset({
    "__globals__", "__builtins__", "__subclasses__", "__class__", "__init__", "__getattribute__", "__dict__",
    "__mro__", "__base__", "__bases__", "__code__", "__reduce__", "__reduce_ex__", "__loader__", "__spec__",
    "__closure__", "__func__", "__self__", "__wrapped__", "__import__",
})  # fmt: skip
# Keys of a state that decide which code runs, as against other dunder keys.
_HOOKS = frozenset(
    {b"__setstate__", b"__reduce__", b"__reduce_ex__", b"__class__", b"__getattr__", b"__getattribute__", b"__del__",
     b"__call__", b"__dict__", b"__code__", b"__globals__", b"__builtins__", b"__init__", b"__new__"}
)  # fmt: skip
# Dunder keys that libraries keep among the attributes of their instances, and that nothing looks up to run it.
_ORDINARY = frozenset({b"__version__", b"__orig_class__", b"__model"})
# Calls whose result is a tensor: items set on one write to memory (CVE-2026-24747).
_TENSORS = ("torch._utils", "torch._tensor")
# Functions that make an instance of the class that is their first argument.
_MAKERS = (("copyreg", "__newobj__"), ("copyreg", "_reconstructor"))
COMPUTED = b"(computed)"


class Recorder:
    """The facts about one content so far, and what must be remembered to keep each of them once."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.facts: list[Fact] = []
        self.protocol = 0
        self.watched: frozenset[tuple[str, str]] = frozenset()
        self._seen: set[Hashable] = set()
        self._named: dict[tuple[bytes, bytes, bool], Named] = {}
        self._method_lists: list[tuple[Called, int, list[Raw], list[Raw]]] = []

    def add(self, key: Hashable, fact: Fact) -> None:
        """Keep a fact unless one with this key is there. Raises `BudgetSpent` when there are too many."""
        if key in self._seen:
            return
        if len(self._seen) >= FACTS:
            raise BudgetSpent(f"more than {FACTS} distinct facts in one pickle")
        self._seen.add(key)
        self.facts.append(fact)

    def take(self) -> list[Fact]:
        """Return the facts since the last time."""
        facts, self.facts = self.facts, []
        return facts

    def malformed(self, rule: str, offset: int, detail: str) -> None:
        """Write down a broken rule, once for each content."""
        self.add(
            ("malformed", rule), Malformed(location=self.location.at(offset), format=FORMAT, rule=rule, detail=detail)
        )

    def noted(self, rule: str, offset: int, detail: str) -> None:
        """Write down an oddity that asks for nothing, once for each content."""
        self.add(("noted", rule), Noted(location=self.location.at(offset), format=FORMAT, rule=rule, detail=detail))

    def unresolved(self, what: str, offset: int, detail: str) -> None:
        """Write down something that cannot be named, once for each detail."""
        key = ("unresolved", what, detail)
        if key not in self._seen:
            self.add(key, Unresolved(location=self.location.at(offset), what=what, detail=detail))

    # --- globals -----------------------------------------------------------------------------------------------

    def look_up(self, module: bytes, name: bytes, offset: int) -> Named:
        """Write down the global of two UTF-8 texts as written, under the name mapping of the protocol."""
        renamed = self.protocol < 3  # Python 3 came with protocol 3
        key = (module, name, renamed)
        named = self._named.get(key)
        if named is None:
            named = self._named[key] = self._import(text_of(module), text_of(name), renamed=renamed, offset=offset)
        return named

    def _import(self, module: str, name: str, *, renamed: bool, offset: int) -> Named:
        pair = to_python3(module, name)
        if pair == (module, name):
            return self._write_import(module, name, "", offset, grants_for(module, name), also=pair)
        # Which of the two is looked up depends on the reader: CPython maps names below protocol 3 unless `fix_imports`
        # is off, torch's `weights_only` maps them under every protocol, Python 2 never. When the module has only been
        # renamed there is no other module of the old name, so what the tables say about the new name holds for it.
        grants = grants_for(module, name)
        if not grants and module in IMPORT_MAPPING:
            grants = grants_for(*pair)
        written = f"{module} {name}"
        old = self._write_import(module, name, written, offset, grants, also=pair)
        new = self._write_import(*pair, written, offset, grants_for(*pair), also=(module, name))
        return new if renamed else old

    def _write_import(
        self, module: str, name: str, written: str, offset: int, grants: tuple[str, ...], also: tuple[str, str]
    ) -> Named:
        danger, why = ("", "") if grants else _danger(module, name)
        if not danger and not grants and also != (module, name):
            danger, why = _danger(*also)
        self.add(
            ("import", module, name),
            Import(
                location=self.location.at(offset), module=module, name=name, written=written, profiles=grants,
                hazard=danger, why=why,
            ),
        )  # fmt: skip
        named = Named(module, name, danger, grants)
        rules, states = argument_rules(module, name), state_rules(module, name)
        named.listed = bool(grants_for(module, name))
        named.ruled, named.stated = bool(rules), bool(states)
        if len(rules) == 1:
            named.fine = ARGUMENTS.get(next(iter(rules)))
        if len(states) == 1:
            named.fine_state = STATES.get(next(iter(states)))
        if module not in _TENSORS and takes_items(module, name, "SETITEMS"):
            named.quiet |= 16
        if not may_be_kept(module, name):
            named.quiet |= ACTS
        if (module, name) not in self.watched:
            named.quiet |= 32 if not states else QUIET[named.fine_state][1] if named.fine_state else 0
        return named

    # --- calls -------------------------------------------------------------------------------------------------

    def call(self, opcode: str, target: Raw, arguments: Raw, offset: int, keywords: Raw = None) -> Called:
        """Write down a call and return what stands for its result."""
        result = Called(target, arguments, opcode, offset)
        if type(target) is not Named:
            self._call_of_no_global(opcode, target, offset)
            return result
        if opcode in target.told and type(arguments) is tuple and keywords is None:
            fine = target.fine
            if not target.ruled or (fine is not None and fine(arguments, opcode)):
                return result
        if type(arguments) is not tuple and not (type(arguments) is Bag and arguments.kind == "tuple"):
            self.malformed(
                "pickle-computed-arguments", offset, f"{target.qualified} is called with {kind_of(arguments)}"
            )
        self._write_call(opcode, target, arguments, keywords, offset)
        return result

    def _write_call(self, opcode: str, target: Named, arguments: Raw, keywords: Raw, offset: int) -> None:
        broken = ""
        if target.ruled:
            shown = arguments if type(arguments) is tuple else (Lost("too many or computed arguments"),)
            if keywords is not None and not (type(keywords) is Table and keywords.flat == []):
                shown = (*shown, keywords)
            broken = argument_fault(target.module, target.name, tuple(describe(item) for item in shown), opcode)
        else:
            target.quiet |= {"REDUCE": 1, "NEWOBJ": 2}.get(opcode, 0)
        if not broken and opcode not in target.told:
            target.told += (opcode,)
            same, bit = QUIET.get(target.fine, ("", 0)) if target.fine else ("", 0)
            target.quiet |= bit if same == opcode else 0
        key = ("call", target.module, target.name, opcode, broken)
        if key in self._seen:
            return
        self.add(
            key,
            Call(
                location=self.location.at(offset), target=target.qualified, opcode=opcode,
                arguments=preview(arguments), broken=broken, hazard=target.hazard,
            ),
        )  # fmt: skip

    def _call_of_no_global(self, opcode: str, target: Raw, offset: int) -> None:
        if type(target) in (Called, Held, Lost):
            self.unresolved("computed-callable", offset, f"{opcode} calls {kind_of(target)}")
        else:
            self.malformed("pickle-call-of-data", offset, f"{opcode} calls {kind_of(target)}")

    def dropped(self, result: Called) -> None:
        """Write down a call whose result nothing keeps."""
        target = result.target.qualified if type(result.target) is Named else kind_of(result.target)
        self.add(
            ("dropped", target, result.opcode),
            Call(
                location=self.location.at(result.offset), target=target, opcode=result.opcode,
                arguments=preview(result.arguments), result_dropped=True,
                hazard=result.target.hazard if type(result.target) is Named else "",
            ),
        )  # fmt: skip

    # --- state -------------------------------------------------------------------------------------------------

    def _build(self, target: Raw, manner: str, offset: int, detail: str) -> None:
        name = kind_of(target)
        self.add(
            ("build", name, manner, detail),
            Build(location=self.location.at(offset), target=name, manner=manner, detail=detail),
        )

    def build(self, target: Raw, state: Raw, offset: int) -> None:
        """Write down a BUILD if it can run or replace code."""
        kind = type(target)
        if kind is Named:
            last = target.name.rpartition(".")[2].lstrip("_")
            self._build(target, "on-class" if last[:1].isupper() else "on-function", offset, preview_keys(state))
            return
        if kind in (Held, Lost):
            self._build(target, "on-unknown", offset, preview_keys(state))
            return
        if kind is not Called:
            self.malformed("pickle-build-of-data", offset, f"BUILD on {kind_of(target)}")
            return
        if type(state) is tuple and len(state) == 2:  # (state, slot state), as in PEP 307
            self._state(target, state[0], offset, slots=False)
            self._state(target, state[1], offset, slots=True)
        else:
            self._state(target, state, offset, slots=False)
        target.state = state
        named = target.target
        if type(named) is Named and named.stated:
            if named.fine_state is not None and named.fine_state(state):
                return
            made_with = target.arguments if type(target.arguments) is tuple else None
            arguments = None if made_with is None else tuple(describe(item) for item in made_with)
            fault = method_fault(state) or state_fault(named.module, named.name, describe(state), arguments)
            if fault:
                self._build(target, "broken-state", offset, fault)
            self._method_lists += [(target, offset, found, list(found)) for found in method_lists(state)]

    def settle(self) -> None:
        """At the end of a pickle, tell of lists of method names that grew after they were looked at."""
        for target, offset, found, looked_at in self._method_lists:
            if found != looked_at:
                self._build(target, "broken-state", offset, "a list of method names is changed after it is handed over")
        self._method_lists.clear()

    def keep(self, items: Iterable[Raw], offset: int) -> None:
        """Write down a function that is put into a container, where nothing checks how it will be called."""
        for item in items:
            if type(item) is Named and item.quiet & ACTS:
                self._build(item, "kept-function", offset, "")

    def _state(self, target: Called, state: Raw, offset: int, *, slots: bool) -> None:
        kind = type(state)
        if kind is Lost or (kind is Called and state.odd and COMPUTED in state.odd):
            self._build(target, "computed-state", offset, kind_of(state))
        if kind not in (Table, Called) or not state.odd:
            return
        odd = [key for key in state.odd if key not in _ORDINARY]
        if not odd:
            return
        names = ", ".join(printable(text_of(key)) for key in odd[:8])
        if any(key in _HOOKS for key in odd):
            self._build(target, "setstate-key", offset, names)
        elif COMPUTED in odd:
            self._build(target, "computed-key", offset, names)
        else:
            self._build(target, "slot-state" if slots else "dunder-key", offset, names)

    def items_on(self, target: Raw, offset: int, opcode: str) -> None:
        """Write down items given to something other than a list, dict or set made by this pickle."""
        kind = type(target)
        if kind is Named:
            self._build(target, "item-on-class", offset, opcode)
        elif kind in (Held, Lost):
            self._build(target, "item-on-unknown", offset, opcode)
        elif kind is Called:
            self._items_on_result(target, offset, opcode)
        else:
            self.malformed("pickle-items-of-data", offset, f"{opcode} on {kind_of(target)}")

    def _items_on_result(self, target: Called, offset: int, opcode: str) -> None:
        made = target.target
        if type(made) is Named and (made.module, made.name) in _MAKERS and type(target.arguments) is tuple:
            made = target.arguments[0] if target.arguments else made
        if type(made) is not Named:
            return
        if made.module in _TENSORS:
            self._build(target, "item-on-tensor", offset, opcode)
        elif not takes_items(made.module, made.name, opcode):
            self._build(target, "item-on-object", offset, opcode)


def to_python3(module: str, name: str) -> tuple[str, str]:
    """Return the global that CPython looks up for a Python 2 name when the protocol is below 3 (`fix_imports`)."""
    pair = NAME_MAPPING.get((module, name))
    if pair is not None:
        return pair
    return IMPORT_MAPPING.get(module, module), name


def _danger(module: str, name: str) -> tuple[str, str]:
    """Return the class of danger and the reason for a global, every dotted component of its name looked at."""
    found = hazard_of(module, name)
    if found is not None:
        return found.danger, found.why
    if "." not in name:
        return "", ""
    parts = name.split(".")
    walk = next((part for part in parts if part in _WALKS), "")
    if walk:
        return "attribute-walk", f"the name goes through {walk}"
    for start in range(len(parts) - 1):
        for end in range(start + 1, len(parts)):
            found = hazard_of(".".join(parts[start:end]), ".".join(parts[end:]))
            if found is not None:
                return found.danger, found.why
    found = hazard_of(module, parts[0])
    if found is not None:
        return found.danger, found.why
    return "", ""


def odd_key(key: Raw) -> bytes | None:
    """Return a key that matters when its dict becomes the state of an object, else None."""
    if type(key) is bytes:
        return key[:64] if key[:2] == b"__" else None
    if type(key) in (Called, Held, Lost):
        return COMPUTED
    return None


def preview(raw: Raw) -> str:
    """Return a short text for the arguments of a call, without control characters."""
    if type(raw) is not tuple:
        return kind_of(raw)
    return f"({', '.join(preview_value(item) for item in raw[:6])}{', …' if len(raw) > 6 else ''})"


def preview_value(raw: Raw) -> str:
    """Return a short text for one value, without control characters."""
    if type(raw) is bytes:
        return repr(printable(text_of(raw[:80])))
    if raw is None or type(raw) in (bool, int):
        return str(raw)
    return kind_of(raw)


def preview_keys(state: Raw) -> str:
    """Return the first keys of a state, or what kind of state it is."""
    if type(state) is not Table or not state.flat:
        return kind_of(state)
    return ", ".join(preview_value(key) for key in state.flat[:12:2])
