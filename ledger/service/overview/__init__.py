"""What is shown together: charts with what is accepted, the gate, readiness, health, and what runs now."""
