"""Finds the SDK, which lies in the project."""

import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "vendor/millrace/sdk/python")]
