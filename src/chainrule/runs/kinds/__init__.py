"""The kinds of data: symbols, series and labelled examples, and what is made of each."""
