"""X.509: make the certificates of a lab, and read facts from any certificate. Opens no connection."""
