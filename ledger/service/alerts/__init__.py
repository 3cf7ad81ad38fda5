"""Alerts: raised, told, acknowledged, and the gates that people let open."""
