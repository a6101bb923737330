"""How quick the studio and the interactive pages are, beside their targets: ``python -m benchmarks studio``.

A server of its own is started for each turn, so that nothing is known yet of what is asked. In a browser, time runs
from the event of the pointer to the end of the frame that shows what follows from it.

    runs.py        a folder of runs, one of them with many records
    serving.py     a studio as a process of its own, and its answers
    pages.py       interactive pages, and moves of the pointer on them
    timings.py     what was measured, and the table of it
    command.py     the command
"""
