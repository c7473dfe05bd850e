"""The merchant API: payments are asked for, shown, refunded, closed and reversed by the merchant's own server."""
