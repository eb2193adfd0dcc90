"""Turns ordinary loader calls of a process into guarded ones, refuses them, or records them.

    modelguard.intercept()                      # mode "guard": torch.load, from_pretrained, … load what is locked
    with modelguard.intercept("enforce"): …     # every load around the guard is refused
    modelguard run --mode observe script.py     # says afterwards what a policy would refuse

Two things work together. The entry points of frameworks (`entry_points.py`) are wrapped, in the modules that define
them and wherever they have been imported to. An audit hook (`net.py`) is the net under them: it sees unpickling by any
way, marshalled code, and code and libraries from model directories. What neither can see is in
docs/why/interception.md.
"""

from modelguard.interception.interception import Interception, Mode, Seen, from_environment, intercept

__all__ = ["Interception", "Mode", "Seen", "from_environment", "intercept"]
