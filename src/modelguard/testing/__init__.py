"""A Hub on loopback and makers of small models, for the tests of this project and of its users.

from modelguard.testing import LocalHub, tiny_model

with LocalHub() as hub:
    hub.repository("org/tiny").commit(tiny_model())
    HfApi(endpoint=hub.url).model_info("org/tiny")
"""

from modelguard.testing.hub import LocalHub
from modelguard.testing.models import tiny_model
from modelguard.testing.repositories import Repository

__all__ = ["LocalHub", "Repository", "tiny_model"]
