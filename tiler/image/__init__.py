"""Pictures: readers, the pyramid, metadata, writers."""
