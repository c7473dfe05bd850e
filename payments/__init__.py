"""The business: events, the ledger, fulfilment, dead letters. Knows no web framework."""
