"""What is written while a pipeline runs: spans, streams, and the attempts that nobody ended."""
