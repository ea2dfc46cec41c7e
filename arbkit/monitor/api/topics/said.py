"""Texts of others, as a client is told them: a venue may repeat what it was sent, and more."""

from __future__ import annotations

from functools import lru_cache

from arbkit.monitor.terminal import clean

__all__ = ["said"]


@lru_cache(maxsize=2048)
def said(text: str) -> str:
    """Without secrets and control characters. Most rows are made again with the text that they had."""
    return clean(text) if text else ""
