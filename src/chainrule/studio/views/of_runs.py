"""Questions to any run: its curves, its score, what surprised it."""

from chainrule.studio.views.view import Asked, Results

__all__ = ["curves", "score", "surprise"]


def curves(asked: Asked) -> Results:
    return [asked.run]


def score(asked: Asked) -> Results:
    return [asked.run.score()]


def surprise(asked: Asked) -> Results:
    return [asked.run.score_each(asked.upload)]
