"""Batches depend on the seed and the step, not on when or where they are made."""

import os

import numpy as np
import pytest
import torch

from sayso.training.augment import build
from sayso.training.batches import Batches
from sayso.training.cache import ClipSet
from sayso.training.dataset import Clip
from sayso.training.distributed import Team
