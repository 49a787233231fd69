"""Encoder, memory, decoder: a clip in, the next frame out; beside them a light head that sees the frame too."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memwatch.config import ModelConfig
from memwatch.model.head import CELL, OddityHead
from memwatch.model.memory import Features, MemoryState, Read, build_memory
from memwatch.model.unet import Decoder, Encoder


class Predictor(nn.Module):
    """Predicts the next frame of a clip with the help of a memory of normality.

    The memory's state comes in with every call and is never kept here.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        head = self._head()  # drawn first: one seed makes one head, whatever the memory
        shape = config.net_width, config.stem, config.levels
        skips = config.skips and config.task == "predict"
        channels = [config.net_width << level for level in range(config.levels + 1)]
        self.encoder = Encoder(config.inputs, *shape, skips=skips, centred=config.centred)
        self.memory = build_memory(config, channels if skips else channels[-1:])
        self.decoder = Decoder(self.memory.decoder_channels, config.channels, *shape, skips=skips)
        self.memory.meet(self.decoder.last)
        self.head = head

    def _head(self) -> OddityHead | None:
        config = self.config
        if not config.head_width:
            return None
        return OddityHead(
            config.clip_length + 1,
            config.channels,
            config.head_width,
            scene=config.head_scene,
            place=config.head_place,
            grid=(config.height // CELL, config.width // CELL),
        )

    def features(self, clips: Tensor) -> Features:
        """What the encoder says of whole clips (B, (T+1)·C, h, w), the target last. It is shown all before the target,
        or the target, where that is to be reconstructed."""
        channels = self.config.channels
        target = clips[:, -channels:]
        shown = clips[:, :-channels] if self.config.task == "predict" else target
        said: Features = self.encoder(shown.contiguous(memory_format=torch.channels_last))
        return replace(said, judged=target)

    def forward(self, clips: Tensor, state: MemoryState) -> tuple[Tensor, Read, Features]:
        """Whole clips to the predicted target (B, C, h, w), what was read, and the features it was read for."""
        features = self.features(clips)
        read = self.memory.read(features, state)
        return self.decoder(read.decoder_input, read.skips), read, features

    def losses(self, clips: Tensor, said: tuple[Tensor, Read, Features], state: MemoryState) -> dict[str, Tensor]:
        """Weighted training terms by name, for whole clips and what `forward` said of them: the prediction's mean
        squared error in [-1, 1] units, and the memory's."""
        predicted, read, features = said
        error = F.mse_loss(predicted.float(), clips[:, -self.config.channels :])
        features = replace(features, query=features.query.float())
        return {"prediction": error} | self.memory.losses(features, read, state)
