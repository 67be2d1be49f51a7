"""Carrying out cleared plans. Knows nothing of proposals or evidence."""
