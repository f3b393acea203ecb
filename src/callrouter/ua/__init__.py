"""User agents: the sessions that hold calls and send requests of their own (caller, prober, UM worker). Sans-I/O."""
