"""A Ping++ that runs on your machine: its API, its webhooks, and the customer who pays.

It shares no code with the product that it tests: a mistake in shared code would be on both sides, and no test would see it.
"""
