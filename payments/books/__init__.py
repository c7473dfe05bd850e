"""The books: payments with their charges and refunds, the join that builds them, and the one script that writes them."""
