"""Alembic's migrations of htmlgen/schema.py. `Store.open` takes a database to the newest by itself."""
