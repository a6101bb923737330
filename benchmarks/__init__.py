"""Speed beside the peers, in one run: ``python -m benchmarks recurrent [--quick] [--json out.json]``.

Every engine (chainrule, torch, JAX, ONNX Runtime) works in a process of its own, so that no thread pool takes the
processors from another's. For each point (a task, a cell, a shape) the processes are started afresh and hold the same
weights. First all results are compared: no speed is reported where they disagree. Then the engines take turns, each
beginning when the one before has gone to sleep, so that whatever else the machine does hits all of them. Reported are
medians and quartiles, as ratios to the fastest peer and as shares of the rate of a large product (SGEMM) measured in
the same run; the time of the first call; and the peak of memory during one call.

The peers come with ``pip install -e '.[bench]'``. The processes are watched through Linux's /proc.

    points.py      what is measured: tasks, cells, shapes, weights
    engines/       the same layer in every engine, at its best; also the large product
    worker.py      one engine's process, and the parent's handle on it
    measuring.py   agreement, turns, memory of one point
    others.py      how busy other processes keep the machine
    memory.py      the peak of resident memory during a call
    results.py     the numbers of one point, and what follows from them
    tables.py      the tables printed
    targets.py     what is aimed at, and whether the run met it
"""
