"""Sends events as webhooks: the outbox, the repeats and the signature."""
