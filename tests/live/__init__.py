"""An application of the tests: programs and a slow handler, for real processes to run."""
