"""The regression gate: what is compared with what, the verdict, and what the gate is worth."""
