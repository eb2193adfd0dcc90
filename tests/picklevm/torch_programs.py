"""Makes pickles as torch writes them, of tensors, parameters and modules, and such that differ in a value or two."""

from __future__ import annotations

from random import Random

from pickle_builders import Part, asm

ORDERED: list[Part] = [("GLOBAL", "collections", "OrderedDict"), "EMPTY_TUPLE", "REDUCE"]


def number(random: Random) -> Part:
    return random.choice(["BININT1 0", "BININT1 1", "BININT1 2", "BININT1 3", "BININT1 12", "BININT -1", "NEWTRUE",
                          "NONE", ("LONG1", 2**62), ("LONG1", 2**63), ("LONG1", 2**70), ("BINFLOAT", 1.0)])  # fmt: skip


def some(random: Random, usual: Part) -> Part:
    """Return a part as it usually is, now and then another."""
    if random.random() < 0.99:
        return usual
    return random.choice([number(random), "EMPTY_DICT", "EMPTY_TUPLE", ORDERED, ("GLOBAL", "os", "system"),
                          ["EMPTY_DICT", ("BINUNICODE", "a"), "NONE", "SETITEM"], ("BINUNICODE", "forward"),
                          [*ORDERED, "EMPTY_DICT", "BUILD"], [*ORDERED, ("BINUNICODE", "a"), "NONE", "SETITEM"],
                          ("GLOBAL", "torch", "FloatStorage"), ["MARK", "BININT1 3", "TUPLE"]])  # fmt: skip


def shape(random: Random, sides: list[int]) -> Part:
    return some(random, ["MARK", *[some(random, f"BININT1 {side}") for side in sides], "TUPLE"])


def tensor(random: Random) -> Part:
    """Return the opcodes of one tensor, mostly of one that fits its storage."""
    rows, columns = random.randrange(4), random.randrange(4)
    held = ["MARK", some(random, ("BINUNICODE", "storage")), some(random, ("GLOBAL", "torch", "FloatStorage")),
            some(random, ("BINUNICODE", str(random.randrange(999)))), some(random, ("BINUNICODE", "cpu")),
            some(random, f"BININT1 {rows * columns + random.choice([0, 0, 0, 1, 8])}"),
            random.choice([[], "NONE"]), "TUPLE", "BINPERSID"]  # fmt: skip
    return [("GLOBAL", "torch._utils", "_rebuild_tensor_v2"), "MARK", some(random, held), some(random, "BININT1 0"),
            shape(random, [rows, columns]), shape(random, [columns, 1]), "NEWFALSE", some(random, ORDERED), "TUPLE",
            "REDUCE"]  # fmt: skip


def parameter(random: Random) -> Part:
    return [("GLOBAL", "torch._utils", "_rebuild_parameter"), some(random, tensor(random)), "NEWTRUE",
            some(random, ORDERED), "TUPLE3", "REDUCE"]  # fmt: skip


def module(random: Random, depth: int = 2) -> Part:
    """Return the opcodes of one module with its parameters, its hooks and the modules in it."""
    inner = module(random, depth - 1) if depth else tensor(random)
    fields: list[Part] = ["MARK"]
    for key, value in (("training", "NEWFALSE"), ("_forward_hooks", ORDERED), ("_x_hooks_with_kwargs", ORDERED),
                       ("weight", parameter(random)), ("forward", "NONE"),
                       ("_modules", [*ORDERED, "MARK", ("BINUNICODE", "0"), inner, "SETITEMS"])):  # fmt: skip
        fields += [some(random, ("BINUNICODE", key)), some(random, value)]
    arguments = some(random, "EMPTY_TUPLE")
    name = random.choice(["Linear", "ReLU"])
    kind = {"Linear": "torch.nn.modules.linear", "ReLU": "torch.nn.modules.activation"}[name]
    return [some(random, ("GLOBAL", kind, name)), arguments, "NEWOBJ", "EMPTY_DICT", *fields, "SETITEMS",
            random.choice(["BUILD", "BUILD", ["NONE", "TUPLE2", "BUILD"]])]  # fmt: skip


def torch_program(random: Random) -> bytes:
    made = [random.choice([tensor, parameter, module])(random) for _ in range(random.randrange(1, 6))]
    return asm("PROTO 2", "MARK", *made, "LIST", "STOP")
