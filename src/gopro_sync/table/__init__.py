"""The table: a record per video, the guard of the session, the budget of requests."""
