"""The training loop of every stage. Read it from top to bottom: `train` first, then what it calls.

    for every step:  samples(seed, step) -> batch;  for every player:  loss terms -> gradient -> clip -> AdamW
                     running average of the weights; now and then: report, validate, checkpoint

Every random number of a step follows from (seed, step), so a run that was killed goes on exactly as if it had
not been. Accelerate knows the devices: one command trains on a CPU, a GPU, or with `accelerate launch` on
many of either.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from occlib.errors import TrainingError
from occlib.memory import give_back
from occlib.training import checkpoints
from occlib.training.data import Examples, batches, open_samples, validation_batches
from occlib.training.recording import Recorder
from occlib.training.settings import Run, Training
from occlib.training.stage import Batch, Stage


def train(run: Run, folder: str | os.PathLike, recorders: Sequence[Recorder] = ()) -> Stage:
    """Train until `run.training.steps`, from where the checkpoint in `folder` stands, and return the stage.

    The networks that ship then hold the running averages of their weights. Raises TrainingError when a loss
    or a gradient stops being a finite number, or when `folder` holds another run.
    """
    folder, settings = Path(folder), run.training
    accelerator = Accelerator(mixed_precision=settings.precision, cpu=settings.device == "cpu")
    share = accelerator.process_index, accelerator.num_processes
    if settings.batch % accelerator.num_processes:
        raise TrainingError(
            f"a batch of {settings.batch} does not split between {accelerator.num_processes} processes"
        )
    with torch.random.fork_rng():  # the caller's random numbers stay the caller's
        torch.manual_seed(settings.seed)
        stage = run.stage.build()
        if settings.start:
            checkpoints.start_from(stage, settings.start)
        stage.networks.to(accelerator.device).train()
        how = {"betas": settings.betas, "weight_decay": settings.weight_decay}
        optimizers = {player: torch.optim.AdamW(stage.parameters(player), **how) for player in stage.players}
        optimizers = {player: accelerator.prepare(one) for player, one in optimizers.items()}
        averages = nn.ModuleDict({name: copy.deepcopy(stage.networks[name]) for name in stage.shipped})
        averages.requires_grad_(False).eval()
        state = checkpoints.State(stage.networks, averages, optimizers, accelerator.scaler)
        start = checkpoints.restore(state, run, folder)

        examples = Examples(run.stage, open_samples(run.data, "train"), settings.seed)
        fixed = []
        if accelerator.is_main_process and settings.validation_samples:
            samples = open_samples(run.data, "validation")
            fixed = validation_batches(run.stage, samples, settings.validation_samples, settings.batch)
        stream = batches(examples, range(start, settings.steps), settings.batch, share, settings.workers)
        clock, began = time.perf_counter(), state.seconds

        for step, batch in enumerate(stream, start):
            torch.manual_seed(settings.seed + 1_000_003 * (step + 1) + accelerator.process_index)
            batch = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}
            values = {"rate": learning_rate(settings, step)}
            for player, optimizer in optimizers.items():
                values |= move(stage, player, batch, optimizer, accelerator, values["rate"], settings)
                _check_finite(values, step, examples, settings)
            for name in stage.shipped:
                follow(averages[name], stage.networks[name], min(settings.ema, (1 + step) / (10 + step)))

            done = step + 1
            last = done == settings.steps
            state.seconds = began + time.perf_counter() - clock
            if not accelerator.is_main_process:
                continue
            if done % settings.report_every == 0 or last:
                per_second = (done - start) * settings.batch / (state.seconds - began)
                left = (settings.steps - done) * settings.batch / per_second
                values |= {"images per second": per_second, "seconds left": left}
                _record(recorders, done, settings, values)
            if fixed and (done % settings.validate_every == 0 or last):
                state.metrics = validate(stage, averages, fixed, accelerator)
                values = {f"validation/{name}": metric for name, metric in state.metrics.items()}
                _record(recorders, done, settings, values)
                with torch.no_grad():
                    shown = stage.pictures(averages, _on(accelerator, fixed[0]))
                for recorder in recorders:
                    recorder.pictures(done, shown)
            if done % settings.save_every == 0 or last:
                checkpoints.save(state, run, folder, done)
        for name in stage.shipped:
            stage.networks[name].load_state_dict(averages[name].state_dict())
        for optimizer in optimizers.values():  # gradients and moments: three times the weights, and nobody needs them
            optimizer.zero_grad()
            optimizer.state.clear()
    give_back()
    return stage


def move(
    stage: Stage,
    player: str,
    batch: Batch,
    optimizer,
    accelerator: Accelerator,
    rate: float,
    settings: Training,
) -> dict[str, float]:
    """One step of one player; returns its loss terms and its gradient's norm. When one of them is no finite
    number, the player stays where it is."""
    optimizer.zero_grad()
    with accelerator.autocast():
        terms = stage.losses(player, batch)
    numbers = torch.stack([term.detach().float() for term in terms.values()])
    numbers = accelerator.reduce(numbers, "mean").tolist()
    values = {f"{player}/{name}": number for name, number in zip(terms, numbers, strict=True)}
    if not all(map(math.isfinite, numbers)):
        return values
    accelerator.backward(sum(terms.values()))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    average_gradients(parameters, accelerator)
    norm = float(accelerator.clip_grad_norm_(parameters, settings.clip))
    if settings.precision == "fp16" and not math.isfinite(norm):
        norm = 0.0  # its scaler leaves this step out and goes on with smaller numbers
    values[f"{player}/gradient"] = norm
    if math.isfinite(norm):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        optimizer.step()
    return values


def average_gradients(parameters: list[nn.Parameter], accelerator: Accelerator) -> None:
    """Give every process the mean of their gradients: what one process would have found for the whole
    batch."""
    if accelerator.num_processes == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    mean = accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), "mean")
    for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def learning_rate(settings: Training, step: int) -> float:
    """Up in a line for `warmup` steps, then down to nothing along a cosine."""
    if step < settings.warmup:
        return settings.rate * (step + 1) / settings.warmup
    progress = (step - settings.warmup) / max(settings.steps - settings.warmup, 1)
    return settings.rate * 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """average <- keep average + (1 - keep) network."""
    for slow, fast in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)


@torch.no_grad()
def validate(
    stage: Stage, averages: nn.ModuleDict, fixed: list[Batch], accelerator: Accelerator
) -> dict[str, float]:
    """The stage's metrics of the averaged networks on the validation set."""
    return stage.validate(averages, (_on(accelerator, batch) for batch in fixed))


def _on(accelerator: Accelerator, batch: Batch) -> Batch:
    return {name: tensor.to(accelerator.device) for name, tensor in batch.items()}


def _record(recorders: Sequence[Recorder], step: int, settings: Training, values: dict[str, float]) -> None:
    for recorder in recorders:
        recorder.scalars(step, settings.steps, values)


def _check_finite(values: dict[str, float], step: int, examples: Examples, settings: Training) -> None:
    """Stop before a number that is none gets into the weights, and say where it came from."""
    wrong = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        positions = range(step * settings.batch, (step + 1) * settings.batch)
        indices = ", ".join(str(examples.index(position)) for position in positions)
        raise TrainingError(
            f"step {step}: {'; '.join(wrong)}. Seeds of the batch: samples {indices}, augmented by "
            f"[{settings.seed}, 1, {positions[0]}] to [{settings.seed}, 1, {positions[-1]}]. "
            "The last checkpoint is older and sound"
        )
