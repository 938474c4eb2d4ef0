"""AdamW and Adam through PyTorch's functional form of them.

The classes of `torch.optim` do the same, but load the whole of torch.compile at their first step: two seconds of every
process, as long as a quick training itself.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from studies.recipes import Recipe

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Optimiser:
    """AdamW (PoseMamba, SasMamba on Human3.6M, GLSMamba) or Adam with amsgrad (MPI-INF-3DHP), by the recipe.

    parameters : those that are not frozen are trained; all of them decay
    recipe : names the optimiser ("adamw" or "adam-amsgrad"), the weight decay, and the largest norm of a gradient
    """

    def __init__(self, parameters: Iterable[nn.Parameter], recipe: Recipe) -> None:
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.amsgrad, self.weight_decay = recipe.optimiser == "adam-amsgrad", recipe.weight_decay
        self.clip = recipe.clip
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]
        # Moving means of gradients and of their squares; with amsgrad the largest of the latter as well.
        self.moments = [[torch.zeros_like(p) for p in self.parameters] for _ in range(2 + self.amsgrad)]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter that has a gradient, and drop the gradients."""
        rows = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        if self.clip:
            nn.utils.clip_grad_norm_([self.parameters[i] for i in rows], self.clip)
        first, second, *largest = ([moments[i] for i in rows] for moments in self.moments)
        (adam if self.amsgrad else adamw)(
            [self.parameters[i] for i in rows],
            [self.parameters[i].grad for i in rows],
            first,
            second,
            largest[0] if largest else [],
            [self.steps[i] for i in rows],
            fused=True,
            amsgrad=self.amsgrad,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=learning_rate,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, list]:
        """All that a resumed training needs."""
        return {"steps": self.steps, "moments": self.moments}

    def load_state_dict(self, state: dict[str, list]) -> None:
        """Go on from `state_dict`; tensors go to the parameters' devices."""
        devices = [parameter.device for parameter in self.parameters]

        def there(tensors: list[Tensor]) -> list[Tensor]:
            return [tensor.to(device) for tensor, device in zip(tensors, devices, strict=True)]

        self.steps = there(state["steps"])
        self.moments = [there(moments) for moments in state["moments"]]
