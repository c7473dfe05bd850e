"""Reconciliation: sweeps compare what Ping++ lists with the books, and leave reports."""
