"""Writers: one module for each file format."""
