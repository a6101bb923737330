"""Letters that fonts lack, and pictures in square pixels."""
