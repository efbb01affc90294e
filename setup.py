"""Tells setuptools that the folder notebooks/ ships as the package identifiability.lessons."""

from setuptools import find_packages, setup

FOLDERS = ("identifiability", "proofs", "toy_models", "llm_validation")

setup(
    packages=[
        *find_packages(include=[pattern for name in FOLDERS for pattern in (name, f"{name}.*")]),
        "identifiability.lessons",
    ],
    package_dir={"identifiability.lessons": "notebooks"},
)
