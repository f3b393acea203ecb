"""The public test kit: what a test of callrouter, or of something that talks to it, can start from.

`strategies` holds hypothesis strategies for SIP octets and for the words of the decision. Needs the extra
`callrouter[testing]`; nothing outside this package imports it.
"""
