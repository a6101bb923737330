"""Panels: many series of one target, fitted by one model."""
