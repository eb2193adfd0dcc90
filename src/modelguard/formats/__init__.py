"""Readers of file formats, one file each. They write down facts and never judge; none imports a framework."""
