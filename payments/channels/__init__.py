"""Channels: what each channel needs, shows and allows."""
