"""OKX spot for arbkit."""
