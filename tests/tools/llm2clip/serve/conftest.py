import pytest

from server import Server


@pytest.fixture(scope="session")
def server(binary, demo_model):
    """One that is ready, for all tests that leave it as it is."""
    with Server(binary, demo_model) as running:
        yield running
        assert running.stop() == 0
