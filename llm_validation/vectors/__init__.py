"""Files of steering vectors: read from whoever wrote them, checked, and written."""

from llm_validation.vectors.read import read_vector, read_vectors
from llm_validation.vectors.steering_vector import LAYER_CONVENTION, SteeringVector
from llm_validation.vectors.write import write_vectors

__all__ = ["LAYER_CONVENTION", "SteeringVector", "read_vector", "read_vectors", "write_vectors"]
