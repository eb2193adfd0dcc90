"""Advisories in the OSV format: reading records, indexing feeds, and telling what a record is about."""
