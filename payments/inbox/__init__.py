"""The inbox: webhooks that were received are stored once, read, parked where they are odd, and replayed."""
