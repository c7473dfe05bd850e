"""The door: webhooks come in here."""
