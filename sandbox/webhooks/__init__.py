"""How events leave: the outbox, the repeats and the signature."""
