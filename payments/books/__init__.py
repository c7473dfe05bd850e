"""The books: payments with their charges and refunds, the join that builds them, the script that writes them."""
