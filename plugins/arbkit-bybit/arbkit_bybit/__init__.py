"""Bybit spot for arbkit."""
