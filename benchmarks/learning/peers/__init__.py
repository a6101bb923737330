"""What chainrule's defaults are set beside, as people write it."""
