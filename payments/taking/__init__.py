"""Taking payments: charges are created, reversed and refunded. Each intent is written down before the call to Ping++."""
