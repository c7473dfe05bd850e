"""What a test or a person tells the sandbox to do, under /sandbox."""
