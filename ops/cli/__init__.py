"""The command line `pingpp-ingest`: one file a command, and how commands answer."""
