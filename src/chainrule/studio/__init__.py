"""The studio: a local page over a folder of runs, served to one person on one machine.

Whatever is shown of a run is a result of `chainrule.runs` or `chainrule.lens`, whose page has an address here; nothing
is computed in the studio that could not be computed without it.
"""
