"""Tables, one pipeline: load, find the header, the dates, the columns and the series, and fill blanks."""
