"""What is learned of a text in the same minutes: chainrule's defaults beside its peers, all trained from scratch.

Each entrant learns from the first nine tenths of a text and is scored on the last tenth: exact nats per character, the
weights or counts frozen, the state carried from the first character to the last. Every run has a process of its own,
with the same processors and threads; text by text and seed by seed the entrants take turns. While the test part is
scored on the way the training clock stands still, and no entrant is given the test part to learn from.

    texts.py          a text, and its cut
    budgets.py        seconds or steps of training, and the points at which scores are taken on the way
    scoring.py        nats per character of networks, whole or by a window that slides
    peers/            what people write themselves
        twenty_lines.py   an LSTM or GRU with torch.nn, here also with chainrule.nn
        n_gram.py         a Kneser-Ney n-gram of a few lines
        transformer.py    a small transformer of x-transformers, by nanoGPT's recipe for CPUs
    library.py        chainrule as its users get it
    entering.py       what every entrant answers
    entrants.py       the table of entrants
    jobs.py           one run of one entrant, in a fresh process
    results.py        means and spreads over the seeds, and the targets
    tables.py         the table printed
    figure.py         score against seconds
    command.py        the command
"""
