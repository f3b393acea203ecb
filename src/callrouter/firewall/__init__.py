"""Inbound firewall rules as text: which there are (`rules`), who may connect (`source`), a file per format. Pure."""
