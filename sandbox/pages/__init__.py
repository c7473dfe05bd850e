"""The pages on which a person plays the customer."""
