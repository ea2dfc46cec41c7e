"""``arbkit doctor``: what is wrong with this machine, the packages, the configuration, the keys, the state, the venues.

Each module looks at one of them and yields findings. Nothing is changed, and no order is sent.
"""
