"""torch's exporters and layers warn of their own insides."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/export" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore:.*_check_is_size:FutureWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore:.*assigned during export:UserWarning"))
