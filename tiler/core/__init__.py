"""Pure arithmetic on arrays and integers: no file, no thread, no network."""
