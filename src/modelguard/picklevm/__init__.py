"""A pickle machine that names what an unpickler would do and does none of it."""
