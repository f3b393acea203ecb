"""What the router tells about itself: log lines, counters, metrics, the journal of calls. Decides nothing."""
