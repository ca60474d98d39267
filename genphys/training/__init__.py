"""Training: one loss, one loop, the moving average, checkpoints."""

from genphys.training.loop import NotFinite, Options, Progress, Trainer, train

__all__ = ["NotFinite", "Options", "Progress", "Trainer", "train"]
