"""Charges, refunds and events, and what happens to them."""
