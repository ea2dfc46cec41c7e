"""The REST and WebSocket API of a run, and its dashboard. ``app.launch`` starts it."""
