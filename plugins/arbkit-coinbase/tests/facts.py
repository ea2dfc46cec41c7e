"""What the tests of every venue (``tests/venues``) must know about Coinbase."""

from __future__ import annotations

RECORDINGS = {"": (375, 1)}
READ_ONLY = {"-exchange2021": "Coinbase Exchange, the feed of institutions, with its format of 2021"}
