"""One thread a test process: two of them on two cores are quicker than four threads, and leave the machine usable."""

import torch

torch.set_num_threads(1)
