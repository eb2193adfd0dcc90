"""Finds the models that a code base uses, without running any of it: who loads what, pinned or not, guarded or not."""
