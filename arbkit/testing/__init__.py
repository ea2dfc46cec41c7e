"""Test tools of arbkit, also for your own adapters and strategies."""
