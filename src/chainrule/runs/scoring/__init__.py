"""What runs are asked for: scores, baselines, forecasts, backtests and classes."""
