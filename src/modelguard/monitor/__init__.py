"""Watches locked models upstream: what changed since last time becomes events, and events reach people."""
