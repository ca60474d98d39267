"""Run folders, and what each command does with one."""

from genphys.runs.deriving import derive
from genphys.runs.drawing import sample
from genphys.runs.folder import RunFolder, load
from genphys.runs.judging import evaluate
from genphys.runs.training import train

__all__ = ["RunFolder", "derive", "evaluate", "load", "sample", "train"]
