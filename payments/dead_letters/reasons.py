"""The code words of dead letters: what each means, and what it asks of a person."""

# The code words, and what each means and asks of a person.
REASONS = {
    "not_json": "The signature is right, but the body is not JSON that can be read, or goes beyond reason (nesting, numbers). "
    "Ask Ping++'s support what they sent.",
    "not_an_event": "The signature is right, but this is not an Event. See the error; show --raw has the body.",
    "bad_event_id": "The event has no id by which it could be told from others. See show --raw.",
    "bad_object_id": "The object of the event has an id that cannot be used. See show --raw.",
    "no_charge": "A charge or refund event that names no charge. See show --raw.",
    "same_event_other_body": "Ping++ sent this event before with another body, and it is about no charge that we "
    "could ask for. The first one was passed through. Compare both, then discard this one.",
    "body_missing": "The body of this event is gone from Redis. Find the payment at Ping++ and replay it there.",
    "attempts_used_up": "Each attempt to handle it failed or killed the worker. See last_error and the workers' log; "
    "retry once the cause is mended.",
    "charge_not_found": "Something about the event was odd, so Ping++ was asked: it knows no such charge. Either it "
    "is of another account or mode, or the event is not true. Nothing was published.",
    "contradicted": "Something about the event was odd, so Ping++ was asked: it says otherwise. Nothing was "
    "published for the event. Compare `claimed` and `found`.",
    "identity_conflict": "Ping++ says of this charge what contradicts our books (see `held` and `found`). What was "
    "published stands. Clear it up with Ping++'s support, then discard.",
    "refunds_unexplained": "More of this charge was given back than Ping++ lists refunds for. Compare in the "
    "dashboard of Ping++, then discard.",
    "malformed": "Ping++ answers with an object that is not shaped like a charge. See last_error.",
    "gateway_refused": "Ping++ refuses to answer (see last_error): is the API key right, and of the right mode? "
    "Retry once that is mended.",
    "not_as_registered": "Ping++ has a charge of this payment with another amount or currency than the merchant "
    "registered (see `found` and `registered`). Nothing was published for it. Find out who made it; refund it at "
    "Ping++ if it was paid, then discard.",
    "attempt_unresolved": "For a whole day it could not be found out what became of a call that creates, reverses or "
    "refunds (see last_error). It was not made again. Retry once Ping++ answers, or look in its dashboard.",
    "sweep_failed": "A comparison of the books with what Ping++ lists failed each time (see last_error): is the app "
    "of PINGPP_APP_IDS right, and of this account? Sweeps of it rest until this is retried or the worker starts anew.",
    "gateway_unreachable": "Ping++ could not be asked for a whole day. Retry once it answers.",
}
