"""Binance spot for arbkit."""
