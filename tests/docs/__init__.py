"""What of the docs is written out of the code: `make docs`, and the test that it was."""
