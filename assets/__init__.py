"""This repository's own Dagster code location: companies and federal awards, matched to the registries they name."""
