"""Which globals are safe, in which profile, and why: tables, one file a profile."""
