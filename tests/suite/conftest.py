"""Tests are quick or `full`: what `tox -e quick` leaves out, for it is dear, or one of many alike."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers."""
    config.addinivalue_line("markers", "full: left out by `tox -e quick`, as all real runs are that are not quick")
    config.addinivalue_line("markers", "quick: a real run that `tox -e quick` has, too")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the real runs; this comes before those that are not asked for are deselected."""
    for item in items:
        if item.path.parent.name == "runs" and not item.get_closest_marker("quick"):
            item.add_marker(pytest.mark.full)
