"""Order books and book messages, compiled. ``arbkit.core.market.speed`` uses it where it is installed."""

from arbkit_speed._speed import Ladder, Rows, change, reader, replace, rows

__all__ = ["FACE", "Ladder", "Rows", "change", "reader", "replace", "rows"]

FACE = 2
"""Number of this set of names and what they mean. arbkit uses only the one that it knows."""
