"""How fast it is, beside a bare endpoint and the textbook design, on one machine in one run: `make bench`."""
