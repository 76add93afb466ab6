"""Finds the SDK: python3 -m unittest discover -t . -s tests, in sdk/python."""
