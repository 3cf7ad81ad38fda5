"""Whether a commit may be deployed: the checklist, the report, the manifest and its verification."""
