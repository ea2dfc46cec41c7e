"""The history: what runs did, in a database that people and programs read.

``schema``: tables and versions. ``rows``: records to rows. ``chain``: the journal's files in their order. ``diary``:
what the journal does not hold (alarms, marks, balances). ``writer``: the thread of a run. ``rebuild``: all of it anew.
``split``: expected against realised. Readers use ``read`` only.
"""
