"""Pictures in and out: readers, the pyramid, writers."""
