"""One torch thread in every test: two threads on two busy cores wait for one another, up to ten times as long."""

import torch

torch.set_num_threads(1)
