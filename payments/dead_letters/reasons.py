"""The code words of dead letters: what each means, and what an operator has to do."""

REASONS = {
    "not_json": "The signature is right, but the body is not JSON that can be read, or its nesting or a number is "
    "too large. Ask Ping++'s support what they sent.",
    "not_an_event": "The signature is right, but this is not an Event. See the error; show --raw has the body.",
    "bad_event_id": "The event has no usable id, so it cannot be told from other events. See show --raw.",
    "bad_object_id": "The object of the event has an id that cannot be used. See show --raw.",
    "no_charge": "A charge or refund event that names no charge. See show --raw.",
    "same_event_other_body": "Ping++ sent this event before with another body. It is not about a charge, so Ping++ "
    "cannot be asked. The first one was passed through. Compare both, then discard this one.",
    "body_missing": "The body of this event is gone from Redis. Find the payment at Ping++ and replay it there.",
    "attempts_used_up": "Each attempt to handle it failed or killed the worker. See last_error and the workers' log. "
    "Retry when the cause is repaired.",
    "charge_not_found": "Something about the event was odd, so Ping++ was asked. It knows no such charge: the charge "
    "is of another account or mode, or the event is not true. Nothing was published.",
    "contradicted": "Something about the event was odd, so Ping++ was asked. Its answer contradicts the event. "
    "Nothing was published for the event. Compare `claimed` and `found`.",
    "identity_conflict": "What Ping++ says of this charge contradicts our books (see `held` and `found`). What was "
    "published stays. Clear it up with Ping++'s support, then discard.",
    "refunds_unexplained": "More of this charge was given back than Ping++ lists refunds for. Compare in the "
    "dashboard of Ping++, then discard.",
    "malformed": "Ping++ answers with an object that does not have the shape of a charge. See last_error.",
    "gateway_refused": "Ping++ refuses to answer (see last_error). Is the API key right, and of the right mode? "
    "Retry when the cause is repaired.",
    "not_as_registered": "Ping++ has a charge of this payment with another amount or currency than the merchant "
    "registered (see `found` and `registered`). Nothing was published for it. Find out who made it; refund it at "
    "Ping++ if it was paid, then discard.",
    "attempt_unresolved": "The outcome of a call that creates, reverses or refunds is still unknown after a whole "
    "day (see last_error). The call was not made again. Retry when Ping++ answers, or look in its dashboard.",
    "sweep_failed": "A comparison of the books with what Ping++ lists failed each time (see last_error). Is the app in "
    "PINGPP_APP_IDS right, and of this account? It is not swept until this is retried or the worker is restarted.",
    "gateway_unreachable": "Ping++ did not answer for a whole day. Retry when it answers.",
}
