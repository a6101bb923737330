"""Speed compared with PyTorch, JAX and ONNX Runtime: ``python -m benchmarks recurrent [--quick] [--json out.json]``.

Every engine (chainrule, torch, JAX, ONNX Runtime) runs in a process of its own, so that no thread pool takes
processors from another's. For each point (a task, a cell, a shape) the processes are started afresh and hold the same
weights. First all results are compared: no speed is reported where they disagree. Then the engines take turns, each
starting once the previous one has gone to sleep, so that whatever else the machine does hits all of them alike.
Reported are medians and quartiles, as ratios to the fastest peer and as shares of the rate of a large matrix product
(SGEMM) measured in the same run; the time of the first call; and the peak memory of one call.

``pip install -e '.[bench]'`` installs the peers. The processes are watched through Linux's /proc.

    peers/                 recurrent layers and convolutions beside the peers
        points.py          what is measured: tasks, cells, shapes, weights
        convolutions.py    the same for convolutions
        worker.py          one engine's process, and the parent's handle on it
        measuring.py       one point: agreement, turns, memory
        others.py          how busy other processes keep the machine
        memory.py          the peak of resident memory during a call
        results.py         the numbers of one point, and what follows from them
        tables.py          the tables printed
        targets.py         the targets, and whether a run met them
    engines/               the same layer in every engine, at its best; also the matrix product
    gpu/                   recurrent layers and convolutions beside torch on a GPU, in one process: --device cuda
    claims/                through_time, lens and swap: what the rest of the library says of its own cost
    learning/              what is learned of a text in the same minutes, by chainrule and by its peers
    recipe/                variants of a network on text and of its training, which the library's defaults come from
    studio/                the studio and the interactive pages beside their targets
"""
