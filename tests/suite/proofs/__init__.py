"""The judge proved both ways: planted bugs are caught, minimal and named, honest variants are not accused."""
