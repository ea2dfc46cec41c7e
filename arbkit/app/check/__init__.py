"""``arbkit adapters check``: what an installed venue package claims, compared with the venue or with its simulator."""
