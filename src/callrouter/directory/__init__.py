"""What the router knows of the company: who may call, and which Mailbox servers there are. Immutable."""
