"""callrouter: the Exchange UM Call Router without Exchange."""

__version__ = "0.1.0"
