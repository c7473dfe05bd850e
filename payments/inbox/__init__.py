"""Webhooks that were received: stored once, read, parked where they are odd, replayed."""
