"""Licenses of models: ids, expressions, texts and lineage."""
