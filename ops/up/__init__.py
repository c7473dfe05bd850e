"""`pingpp-ingest up`: the whole system in one terminal."""
