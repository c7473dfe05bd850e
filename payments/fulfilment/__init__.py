"""Fulfilment: how far the readers of the published messages are."""
