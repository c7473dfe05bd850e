"""For the people who run it: the CLI and `up`."""
