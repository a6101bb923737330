"""Drawing figures: their frame and fonts, heat maps, pictures in square pixels, and strips of numbers."""
