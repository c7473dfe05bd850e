"""A small demo shop that takes its payments through the merchant API."""
