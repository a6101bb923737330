"""How a recurrent network is best trained on a text: variants of optimiser, embedding, dropout and more, side by side.

A text's last tenth is put aside: nobody looks at it. Networks learn from the first eight tenths, in as many steps each,
and are judged by the ninth, in nats per character. What came of it, and what the library kept: docs/recipe.md.

    variants.py     the settings of a variant, and the variants by name
    network.py      a network of the library's parts, and those that lost
    reading.py      the windows of a text that a trial reads, and their order
    trial.py        one training, and its score
    tables.py       the tables printed
    recipe.py       python -m benchmarks recipe: variants at equal steps
    sizes.py        python -m benchmarks sizes: hidden sizes at equal cost, which the library's choice is fitted to
    measured.jsonl  the trials that docs/recipe.md tells of
"""
