"""What Ping++ says, and how it is asked: signatures, events, sightings, and the calls of its API."""
