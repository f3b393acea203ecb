"""The admin port: health, metrics and the API over HTTP, in the router's own event loop."""
