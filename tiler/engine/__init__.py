"""The recursion, and what runs its tasks."""
