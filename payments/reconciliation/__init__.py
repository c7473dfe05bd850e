"""Sweeps: what Ping++ lists is compared with the books, and what was found is reported."""
