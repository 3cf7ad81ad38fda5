"""Whom to believe: the trust root as git holds it, and how it is changed."""
