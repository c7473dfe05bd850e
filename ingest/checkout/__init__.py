"""The shopper's side: a page with the QR code, the amount and the time that is left, behind an unguessable address."""
