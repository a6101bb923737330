"""Layouts of tables: many series below each other, in rows, or in columns."""
