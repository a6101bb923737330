"""Forecasts of many series in the same minutes: chainrule beside NeuralForecast, Darts and statsmodels.

The last steps of every series are kept back, and all entrants forecast them from the same past, as quantiles at the
same levels. Every network has a process of its own, with the same processors and threads, and the same minutes of
training; peers have the settings that their authors default to.

    sets.py           a set: how it is read, and what of its end is kept back
    entering.py       what every entrant is asked for, and what it answers
    library.py        chainrule as its users get it
    peers/            the same asked of other libraries, each of which may be missing
        neural_forecast.py   DeepAR, LSTM and NHITS of NeuralForecast
        darts_rnn.py         RNNModel of Darts
        pacing.py            the seconds of steps, by which a budget of minutes is one of steps
    entrants.py       the table of entrants
    jobs.py           one fit of one entrant, in a fresh process
    results.py        all forecasts of a set, scored
    tables.py         the table printed
    command.py        the command
"""
