"""Settings: what can be set (`model`, `rules`), where it is set (`given`, `load`), and the page that lists it."""
