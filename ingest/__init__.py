"""The receiver: the door for webhooks, for the merchant's server and for shoppers."""
