"""What changes the weights: torch's AdamW and Muon."""
