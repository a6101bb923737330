"""Drawing figures: their frame, fonts, pictures in square pixels and strips of text."""
