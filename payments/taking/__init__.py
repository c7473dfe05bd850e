"""Taking payments: charges are created, reversed and refunded; each intent is written down before Ping++ is
called.
"""
