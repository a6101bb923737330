"""Scores of classifiers: accuracy, labels of new examples, mistakes."""
