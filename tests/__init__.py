"""All tests, in the same folders as what they test; `flow/` knows HTTP and Redis only, `browser/` needs a Chromium."""
