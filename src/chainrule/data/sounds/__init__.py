"""Sound: waveforms in files, as mu-law symbols to model or as labelled waveforms to classify."""
