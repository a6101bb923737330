"""Forecasts of panels, many series at once: their metrics, baselines, calibration, tests and results."""
