"""Dead letters: what could not be handled and waits for a person."""
