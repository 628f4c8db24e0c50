"""Toward Earth, pure: outbox, inbox, contacts, directives, and the nodes at both ends."""
