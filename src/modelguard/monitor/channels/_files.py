"""Replaces a file at once, so that a reader sees the old one or the new one."""

from __future__ import annotations

from pathlib import Path

from modelguard.monitor.channels.channel import ChannelFailed


def replace(path: Path, text: str) -> None:
    """Write a file beside its place and move it there. Raises `ChannelFailed`."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ChannelFailed(f"{path}: cannot be written: {error.strerror}", may_pass=False) from error
