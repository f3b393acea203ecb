"""The Mailbox servers as the decision sees them: who is there, who can take a call, whom to choose. Pure."""
