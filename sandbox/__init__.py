"""A Ping++ that runs on your machine: its API, its webhooks, and the customer who pays.

It shares no code with the rooms that it tests, so that a mistake made there cannot cancel itself out here.
"""
