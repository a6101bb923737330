"""Views: the questions that can be put to a run, with their parameters, each answered by a result and its page."""
