"""The gateway API under /v1, as at Ping++."""
