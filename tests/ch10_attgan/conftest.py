"""A small set of cartoon faces for all tests of this folder."""

import pytest

from data import sample_celeba


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """Folder with 60 generated faces in CelebA's layout; not to be changed."""
    folder = str(tmp_path_factory.mktemp("faces"))
    sample_celeba.generate(folder, seed=3, count=60)
    return folder
