"""Files that hide something, one place each: what `test_carriers` plants, and must not find again."""
