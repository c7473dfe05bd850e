"""The gateway API under /v1, as Ping++ has it."""
