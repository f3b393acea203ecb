"""A user agent client that calls, follows redirects to the answer, and hangs up."""
