"""Forecasts of many series, beside the naive and the statistical ones, on the ends of public sets."""
