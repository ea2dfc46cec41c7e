"""What arbkit is tested with, for your own adapters and strategies too."""
