"""Accepted measurements as files of a repository: proposed, reviewed, waived, retired."""
