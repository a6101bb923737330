"""Modules that need a package which the environment lacks are left out, where pytest looks for examples in them."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("sktime") else ["src/chainrule/adapters/sktime_forecaster.py"]
